"""Failure cases of models and their files."""

from dataclasses import replace

import adl_opt as adl
from adl_opt.verification import catalog
from tests.failures import Case


def model_file(text):
    def call(folder):
        (folder / "own.py").write_text(text, encoding="utf-8")
        return adl.load(folder / "own.py")

    return call


def no_models(folder):
    here, catalog.__file__ = catalog.__file__, str(folder / "adl_opt" / "catalog.py")
    try:
        return catalog.folder()
    finally:
        catalog.__file__ = here


def made(**changes):
    return lambda _: replace(adl.load("cross_margin"), **changes)


PRO_RATA = adl.load("pro_rata")


def no_violation(_):
    return adl.claim("says nothing", "ours")(lambda model: "words").violation(PRO_RATA)


CASES = [
    Case("there is no file", lambda p: adl.load(p / "none.py"), adl.ModelError),
    Case(r"did you mean 'expected_loss'\?", lambda _: adl.load("expected_los"), adl.ModelError),
    Case("fails on import: ZeroDivisionError", model_file("1 / 0"), adl.ModelError),
    Case("must hold one MODEL", model_file("MODEL = 3"), adl.ModelError),
    Case("no models folder", no_models, adl.ModelError),
    Case("at least one size and one claim", made(claims=()), adl.ModelError),
    Case("two claims named 'equities'", made(claims=adl.load("cross_margin").claims[:1] * 2), adl.ModelError),
    Case("it has none", model_file("x = 1"), adl.ModelError),
    Case("verify takes a Model, not str", lambda _: adl.verify("expected_loss"), adl.ModelError),
    Case("a model is named by a text or a path, not by int", lambda _: adl.load(3)),
    Case(
        "needs a statement, or a docstring",
        lambda _: adl.claim(source="ours")(lambda model: 0.0),
        adl.ModelError,
    ),
    Case("a check returns or yields violations", no_violation, adl.ModelError),
    Case("were found by", lambda _: PRO_RATA.ends(PRO_RATA.event(8, 0), by="nobody"), adl.ModelError),
]
