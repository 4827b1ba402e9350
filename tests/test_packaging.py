"""The wheel: models travel with it, and a user far from the checkout can load them."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
        "adl_opt/_models/expected_loss.py" in names and "adl_opt/_models/cross_margin.py" in names and "adl_opt/py.typed" in names
    )
    assert not any(name.startswith(("models/", "tests/", "benchmarks/")) for name in names)


def test_models_load_from_an_installed_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, 'site'); import adl_opt as adl; from adl_opt import catalog; "
        "assert catalog.folder().name == '_models', catalog.folder(); assert {'cross_margin', 'expected_loss', 'cvar'} <= set(catalog.names()); "
        "assert adl.load('cross_margin').problem().solve().certificate.certified"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_top_level_is_what_the_design_says():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    allowed = {
        "pyproject.toml", "adl_opt", "models", "tests", "benchmarks", "notebooks", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
        "Makefile", ".gitignore", ".ci",
    }  # fmt: skip
    assert {name.split("/")[0] for name in tracked.stdout.splitlines()} <= allowed
