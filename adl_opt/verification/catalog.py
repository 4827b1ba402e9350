"""Finding model files: those of models/ by name (in a checkout, an editable install and a wheel alike),
anyone's by path.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import sys
from pathlib import Path

from adl_opt.errors import ModelError
from adl_opt.verification.model import Model


def folder() -> Path:
    """Where the models are. Raises ModelError if the installation has none."""
    package = Path(__file__).resolve().parents[1]
    for place in (package.parent / "models", package / "_models"):  # a checkout or editable install; a wheel
        if place.is_dir() and any(place.glob("*.py")):
            return place
    raise ModelError("this installation has no models folder; give the path of a model file")


def names() -> list[str]:
    """The names of the models there are."""
    return sorted(path.stem for path in folder().glob("*.py") if not path.stem.startswith("_"))


def path_of(name: str | Path) -> Path:
    """The file of a model, given its name or that file. Raises ModelError if there is none."""
    if not isinstance(name, (str, Path)):
        raise ModelError(
            f"a model is named by a text or a path, not by {type(name).__name__}; there are "
            f"{', '.join(names())}"
        )
    path = Path(name)
    if path.suffix != ".py":
        path = folder() / f"{name}.py"
        if str(name) not in names():
            near = difflib.get_close_matches(str(name), names(), 1)
            raise ModelError(
                f"there is no model {str(name)!r}"
                + (
                    f"; did you mean {near[0]!r}?"
                    if near
                    else f"; there are {', '.join(names())}, or give a path ending in .py"
                )
            )
    if not path.is_file():
        raise ModelError(f"there is no file {str(path)!r}")
    return path


def program_of(name: str | Path) -> str:
    """What the file of a model says at its top: the program in mathematics."""
    return ast.get_docstring(ast.parse(path_of(name).read_text(encoding="utf-8"))) or ""


def load(name: str | Path) -> Model:
    """The Model of a file: one of ours by its name, yours by its path.

    `name`: "expected_loss" for models/expected_loss.py, "my_models/mine.py" from anywhere. Raises ModelError
    if there is no such file, it fails on import, or it does not hold one MODEL = adl.Model(...).

    >>> adl.load("cross_margin").problem().solve().certificate.status
    'certified'
    """
    path = path_of(name)
    spec = importlib.util.spec_from_file_location(f"adl_opt_model_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # a path ending in .py always has a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (
        Exception,
        SystemExit,
    ) as error:  # anyone's file: whatever it does on import is a sentence about the file
        raise ModelError(f"{str(path)!r} fails on import: {type(error).__name__}: {error}") from error
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError(
            f"{str(path)!r} must hold one MODEL = adl.Model(...); "
            + ("it has none" if model is None else f"its MODEL is {type(model).__name__}")
        )
    return model
