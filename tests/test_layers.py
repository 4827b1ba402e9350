"""Imports go strictly down between folders and without circles inside one; nothing heavy is imported before
it is needed.
"""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import adl_opt as adl

PACKAGE = Path(adl.__file__).parent
STRATA = (
    "errors, arrays, renamed, presented, text, html < inputs, progress, threads, numerics, table "
    "< executors, data < laws < evaluation < waterfill < objectives | examples < constraints < certificates "
    "< methods < problem < policies < studies | verification < plots < cli < __main__"
)  # what `,` or `|` stands between is on one level
LEVEL = {
    name.strip(): number
    for number, names in enumerate(STRATA.split("<"))
    for name in names.replace("|", ",").split(",")
}
UPWARD = {("problem/allocation.py", "plots")}  # allocation.plot(), lazily: the one call upward
MODULES = sorted(
    str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"
)


def dotted(module: str) -> str:
    return module.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def imports(module: str) -> set[str]:
    """Modules of the package that a file imports, at its top or inside a function, dotted without adl_opt."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relative to itself: say from adl_opt..., as everywhere"
            if node.module == "adl_opt":
                found |= {alias.name for alias in node.names}
            elif (node.module or "").startswith("adl_opt."):
                name = node.module.removeprefix("adl_opt.")
                folder = PACKAGE / name.replace(".", "/")
                inner = [alias.name for alias in node.names if (folder / f"{alias.name}.py").is_file()]
                found |= {f"{name}.{one}" for one in inner} or {name}
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("adl_opt.")
                for alias in node.names
                if alias.name.startswith("adl_opt.")
            }
    return found - {"__version__"}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_strictly_down(module):
    here = dotted(module).partition(".")[0]
    assert here in LEVEL, f"give {here} a stratum"
    for other in imports(module):
        there = other.partition(".")[0]
        assert there == here or LEVEL[there] < LEVEL[here] or (module, other) in UPWARD, (
            f"{module} imports {other}"
        )


def test_tests_mirror_the_folders():
    """Each folder of the package has its tests in a folder of its name."""
    folders = {module.partition("/")[0] for module in MODULES if "/" in module}
    assert {path.parent.name for path in Path(__file__).parent.glob("*/__init__.py")} == folders


def test_there_is_no_circle():
    graph = {
        dotted(module): imports(module) - {to for one, to in UPWARD if one == module} for module in MODULES
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", MODULES)
def test_cvxpy_only_where_programs_are_built(module):
    source = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    at_top = {
        alias.name.split(".")[0]
        for node in source.body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    at_top |= {(node.module or "").split(".")[0] for node in source.body if isinstance(node, ast.ImportFrom)}
    assert "cvxpy" not in at_top or module.startswith("methods/conic/")
    assert "matplotlib" not in at_top and ("pandas" not in at_top or module == "table.py")  # a DataFrame


def test_only_three_modules_bear_a_public_name():
    modules = {name for name in adl.__all__ if isinstance(getattr(adl, name), ModuleType)}
    assert modules == {"axioms", "examples", "waterfill"}


def test_import_is_light():
    code = (
        "import sys, adl_opt; bad = {'cvxpy', 'matplotlib', 'scipy.stats', 'pandas'} & set(sys.modules); "
        "sys.exit(f'import adl_opt imports {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_closed_form_on_a_file_needs_no_heavy_import(tmp_path):
    (tmp_path / "b.csv").write_text(
        "account,asset,position,price,equity\na,X,-5,2,1\nb,X,-1,2,4\n", encoding="utf-8"
    )
    code = (
        "import sys, adl_opt as adl; e = adl.Event(adl.Book.read(sys.argv[1]), short={'X': 2}); "
        "a = adl.Problem(adl.ExpectedLoss(), e, adl.LogNormal(0.8, None, 1/365)).solve(); assert "
        "a.certificate.certified; "
        "bad = {'cvxpy', 'matplotlib', 'scipy.stats', 'pandas'} & set(sys.modules); sys.exit(str(bad) if "
        "bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "b.csv")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_models_import_only_the_library_and_numpy():
    from adl_opt.verification import catalog

    for path in catalog.folder().glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= {
                    "adl_opt",
                    "numpy",
                    "pandas",
                    "cvxpy",
                    "math",
                }
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] in {"adl_opt", "numpy", "pandas", "cvxpy"}
