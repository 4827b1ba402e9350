"""The wheel: models travel with it, and a user far from the checkout can load them; and the versions that all
is run with.
"""

import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PIN = re.compile(
    r'[a-z0-9-]+==[0-9][0-9a-z.]*( ; python_version (<|>=) "3\.1\d"( and python_version < "3\.1\d")?)?'
)


def versions_script():
    spec = importlib.util.spec_from_file_location("versions", ROOT / ".ci" / "versions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


versions = versions_script()
SETTINGS = versions.project()
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_models_and_types_are_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert (
        "adl_opt/_models/expected_loss.py" in names
        and "adl_opt/_models/cross_margin.py" in names
        and "adl_opt/_models/THEORY.md" in names
        and "adl_opt/py.typed" in names
    )
    assert not any(name.startswith(("models/", "tests/", "benchmarks/")) for name in names)


def test_models_load_from_an_installed_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, 'site'); import adl_opt as adl; from adl_opt.verification import "
        "catalog; "
        "assert catalog.folder().name == '_models', catalog.folder(); assert {'cross_margin', "
        "'expected_loss', 'cvar'} <= set(catalog.names()); "
        "assert adl.load('cross_margin').problem().solve().certificate.certified"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_top_level_is_what_the_design_says():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    allowed = {
        "pyproject.toml", "adl_opt", "models", "tests", "benchmarks", "notebooks", "README.md", "LICENSE",
        "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff",
        "Makefile", ".gitignore", ".ci", "constraints.txt",
    }  # fmt: skip
    assert {name.split("/")[0] for name in tracked.stdout.splitlines()} <= allowed


def test_constraints_are_exact_portable_and_sorted():
    odd = [line for line in PINS if not PIN.fullmatch(line)]
    assert not odd, "no addresses, files or local builds: name==version, perhaps for some Pythons"
    names = [line.split("==")[0] for line in PINS]
    assert names == sorted(names) and all(name == canonicalize_name(name) for name in names)


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_hold_what_is_asked_for_once_for_each_python(python):
    pins = [Requirement(line) for line in PINS]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    held = {pin.name: next(iter(pin.specifier)).version for pin in here}
    assert len(held) == len(here), "two versions of one package"
    for asked in map(Requirement, versions.requirements(SETTINGS)):
        name = canonicalize_name(asked.name)
        assert name in held and asked.specifier.contains(held[name]), f"{asked}: run make constraints"


def test_the_lowest_versions_are_the_bounds():
    lowest = versions.lowest(SETTINGS)
    assert "pandas==2.2.2" in lowest and "typer==0.18" in lowest and "hatchling==1.27" in lowest
    assert len(lowest) == len(versions.requirements(SETTINGS)) and not [
        line for line in lowest if "adl" in line
    ]
    with pytest.raises(ValueError, match="'rich' has no lower bound"):
        versions.lowest({**SETTINGS, "build-system": {"requires": ["rich"]}})


def test_pins_of_several_pythons_are_merged():
    found = {
        "3.11": {"a": "1", "b": "1", "c": "1"},
        "3.12": {"a": "1", "b": "2"},
        "3.13": {"a": "1", "b": "3", "d": "4"},
    }
    assert versions.merged(found) == [
        "a==1", 'b==1 ; python_version < "3.12"',
        'b==2 ; python_version >= "3.12" and python_version < "3.13"',
        'b==3 ; python_version >= "3.13"', "c==1", "d==4",
    ]  # fmt: skip


def test_the_pythons_that_are_named():
    named = [
        line.split(" :: ")[-1]
        for line in SETTINGS["project"]["classifiers"]
        if line.startswith(versions.PYTHON)
    ]
    assert named == ["3", *PYTHONS] and SETTINGS["project"]["requires-python"] == ">=3.11"


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_make_installs_with_the_constraints(target):
    done = subprocess.run(
        ["make", "-n", "-W", "constraints.txt", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and '-c constraints.txt -e ".[dev]"' in done.stdout
    assert "PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt" in done.stdout
