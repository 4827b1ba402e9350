"""Imports go strictly down (DESIGN 3), nothing heavy is imported before it is needed, and no module bears a public name."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import adl_opt as adl

PACKAGE = Path(adl.__file__).parent
LAYER = {
    "errors": 0, "text": 0.1, "silence": 0.1, "pipes": 0.1, "readonly": 0.4, "groups": 0.5, "progress": 0.5, "threads": 0.5, "filetypes": 0.6, "meant": 0.6, "linear": 0.5, "tolerance": 0.5, "magnitudes": 0.5,
    "lawinput": 1, "nodes": 1.1, "shortfall": 1, "capping": 0.5, "waterfill": 1, "tables": 1, "columns": 1.1, "laws": 1.5, "elliptical": 1.6,
    "blackscholes": 1.2, "lognormal": 1.6, "onefactor": 1.6,
    "book": 2, "hyperreplay": 2.1, "waves": 2.2, "limits": 2.2, "event": 2.5, "clearing": 2.6, "accounts": 2.8, "counting": 2.9, "vertices": 2.9,
    "symbols": 3, "isolated": 3.1, "supports": 3.1, "rounding": 3.1, "hooks": 3.15, "objectives": 3.2, "risk": 3.3, "elliptic": 3.3, "tails": 3.4, "utility": 3.5, "deviation": 3.6,
    "trials": 3.9, "certificate": 4, "valued": 4.05, "snapping": 4.05, "reasons": 4.05, "stored": 4.05, "allocation": 4.1, "bearing": 4.2,
    "pieces": 4.7, "kinks": 4.8, "quantile": 4.8, "interior": 4.9, "coupled": 4.95, "separable": 5, "levelling": 5.55, "policies": 5.6, "queues": 5.65, "history": 5.65, "exchanges": 5.7, "targets": 5.6, "lots": 5.7, "remainders": 5.7, "cones": 5, "ownrows": 5.05, "narrowing": 5.06, "ownvariables": 5.07, "dualbound": 5, "conicsymbols": 5, "conic": 5.1, "face": 5.2, "route": 5.4, "prices": 5.45, "optima": 5.5,
    "problem": 6, "outside": 6.1,
    "comparison": 7, "optimal_set": 7, "carried": 6.1, "synthetic": 6.9, "replaying": 7.1, "shock": 7, "shockpath": 7.1, "instances": 6.8, "promises": 6.9, "axioms": 7,
    "examples": 7, "soundness": 7.5, "model": 8, "catalog": 8.1,
    "plots": 9, "show": 9, "parsing": 9, "words": 9.05, "replaywords": 9.07, "laboratory": 9.08, "cli": 9.1, "__main__": 9.2,
}  # fmt: skip
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
UPWARD = {("allocation", "plots")}  # allocation.plot(), lazily: the one call upward


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found - {"__version__"}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_strictly_down(module):
    assert module in LAYER, f"give {module} a layer"
    for other in imports(PACKAGE / f"{module}.py"):
        assert LAYER[other] < LAYER[module] or (module, other) in UPWARD, f"{module} imports {other}"


@pytest.mark.parametrize("module", MODULES)
def test_cvxpy_only_where_programs_are_built(module):
    source = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    at_top = {alias.name.split(".")[0] for node in source.body if isinstance(node, ast.Import) for alias in node.names}
    assert "cvxpy" not in at_top or module in ("conic", "conicsymbols", "face", "levelling", "ownrows")
    assert "matplotlib" not in at_top and "pandas" not in at_top


def test_no_module_bears_a_public_name():
    modules = {name for name in adl.__all__ if isinstance(getattr(adl, name), ModuleType)}
    assert set(adl.__all__) & set(MODULES) == modules == {"axioms", "examples", "waterfill"}


def test_import_is_light():
    code = (
        "import sys, adl_opt; bad = {'cvxpy', 'matplotlib', 'scipy.stats', 'pandas'} & set(sys.modules); "
        "sys.exit(f'import adl_opt imports {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_closed_form_on_a_file_needs_no_heavy_import(tmp_path):
    (tmp_path / "b.csv").write_text("account,asset,position,price,equity\na,X,-5,2,1\nb,X,-1,2,4\n", encoding="utf-8")
    code = (
        "import sys, adl_opt as adl; e = adl.Event(adl.Book.read(sys.argv[1]), short={'X': 2}); "
        "a = adl.Problem(adl.ExpectedLoss(), e, adl.LogNormal(0.8, None, 1/365)).solve(); assert a.certificate.certified; "
        "bad = {'cvxpy', 'matplotlib', 'scipy.stats', 'pandas'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "b.csv")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_models_import_only_the_library_and_numpy():
    from adl_opt import catalog

    for path in catalog.folder().glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= {"adl_opt", "numpy", "pandas", "cvxpy", "math"}
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] in {"adl_opt", "numpy", "pandas", "cvxpy"}
