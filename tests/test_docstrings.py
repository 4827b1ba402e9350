"""What `help` says: every public name in one shape, with an example that is run; classes fit a screen."""

import doctest
import inspect
import pydoc
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.evaluation.symbols import SYMBOLS
from adl_opt.problem.sensitivity import Sensitivity

METHODS = {
    "Allocation": "unique closed shadow_prices shadow_price_range law_weights explain water_level leverages "
    "to_frame losses loss_quantiles measure sensitivity by_account plot save load",
    "Book": "read from_frame from_isolated to_frame",
    "Certificate": "to_frame",
    "Claim": "violation",
    "Event": "with_requirement",
    "Identification": "contradictions to_frame summary",
    "Law": "sample quadrature expected_shortfall",
    "LogNormal": "quadrature estimated_shortfall",
    "LotBound": "under",
    "Model": "problem",
    "Problem": "cvxpy solve sweep",
    "QueueRule": "places lights reached",
    "Refutation": "to_frame",
    "Replay": "to_frame closed total",
    "RiskMeasure": "of worst_weights",
    "Scenarios": "from_prices from_returns read",
    "Gaussian": "annual",
    "StudentT": "annual",
    "MaintenanceTiers": "read from_frame margin to_frame",
    "Stress": "insolvent liquidated summary",
    "StressDistribution": "scenario",
    "Waves": "read from_frame from_hyperreplay book to_frame",
}  # what a user meets first of a class
FUNCTIONS = {
    "axioms": "check",
    "examples": " ".join(adl.examples.__all__),
    "plots": "allocation policies losses sweep frontier comparison replay stress",
    "waterfill": "water_level water_levels",
}
PUBLIC = {name: getattr(adl, name) for name in (*adl.__all__, "plots")} | {
    f"{owner}.{name}": inspect.getattr_static(getattr(adl, owner), name)
    for table in (METHODS, FUNCTIONS)
    for owner, names in table.items()
    for name in names.split()
}
PUBLIC |= {
    f"Sensitivity.{name}": getattr(Sensitivity, name)
    for name in ("to_frame", "by_account", "closing", "why_not")
}
GIVEN = {"adl": adl, "np": np, "pd": pd}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LONGEST = 110  # columns
MOST = 6  # lines of an example, without what they print
SCREEN = 55  # lines


def docstring(said: Any) -> str:
    said = said.__func__ if isinstance(said, classmethod) else said
    return inspect.cleandoc(said.__doc__ or "")


def examples(text: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(text)


def misshapen(text: str) -> str:
    """What a docstring lacks of the house's shape; empty if nothing."""
    first, _, rest = text.partition("\n")
    lines = sum(one.source.count("\n") for one in examples(text))
    prose = "".join(part for part in text.partition(">>>")[0].split("`")[::2])
    parts = [text.find(part) for part in ("Raises ", "Source: ", ">>> ") if part in text]
    wrong = {
        "its first sentence, on a line of its own": not first.endswith((".", "...")) or rest[:1] not in "\n",
        f"a first line of at most {LONGEST} columns": len(first) > LONGEST,
        f"an example of at most {MOST} lines": not 0 < lines <= MOST,
        "its parts in order: raises, source, example": parts != sorted(parts),
        "backticks around formulas, which Markdown reads": "*" in prose or "_+" in prose,
    }
    return "; ".join(what for what, missing in wrong.items() if missing)


def failures(text: str, name: str) -> str:
    """What the examples of a docstring print otherwise than it says."""
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest(text, dict(GIVEN), name, name, 0)
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_itself_with_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = docstring(PUBLIC[name])
    assert not misshapen(text), f"{name} lacks {misshapen(text)}"
    assert not failures(text, name)


def test_all_public_names_are_looked_at():
    assert set(adl.__all__) <= set(PUBLIC) and len(PUBLIC) >= 160
    assert sum(len(examples(docstring(said))) for said in PUBLIC.values()) > 300
    assert not [name for name, said in PUBLIC.items() if not docstring(said)]
    own = {
        f"{module}.{name}"
        for module in ("axioms", "plots")
        for name, said in vars(getattr(adl, module)).items()
        if not name.startswith("_") and not isinstance(said, ModuleType)
    }
    assert own <= set(PUBLIC)


def test_a_docstring_can_fail():
    good = "Adds.\n\nRaises none. Source: THEORY 1.\n\n>>> 1 + 1\n2"
    assert not misshapen(good) and not failures(good, "good")
    assert "Expected:\n    3" in failures(good.replace("\n2", "\n3"), "wrong")
    assert "NameError" in failures("Adds.\n\n>>> unknown", "raises")
    assert "example" in misshapen("Adds.") and "sentence" in misshapen(good.replace("Adds.\n", "Adds\n"))
    assert "order" in misshapen(good.replace("Raises none. ", "") + "\n\nRaises none.")
    assert "columns" in misshapen("A" * LONGEST + good) and "Markdown" in misshapen(
        good[:5] + "(x)_+" + good[5:]
    )


@pytest.mark.parametrize("name", ["CVaR", "Entropic", "WorstCase", "MeanSemideviation", "LeverageSquare"])
def test_help_fits_a_screen(name):
    lines = pydoc.plain(pydoc.render_doc(getattr(adl, name))).splitlines()
    assert len(lines) <= SCREEN and max(map(len, lines)) <= LONGEST + len(" |  ")


def test_help_hides_no_public_name_that_is_not_a_hook():
    """Hooks are shown where they are explained, everything else of every class without an underscore."""
    for cls in (adl.Objective, adl.CVaR, adl.Law, adl.Gaussian, adl.Scenarios):
        public = {name for base in cls.__mro__ for name in vars(base) if not name.startswith("_")}
        assert public - set(dir(cls)) <= set(cls._hooks)
    assert {"minorant", "closed_form"} <= set(dir(adl.Objective)) and "minorant" not in dir(adl.CVaR)

    class Mine(adl.Objective):
        def minorant(self, m, dual):
            """Its own."""

    assert "minorant" in dir(Mine) and "closed_form" not in dir(Mine)


def test_the_symbols_of_m_are_listed():
    assert not [name for name in SYMBOLS if f"`{name}`" not in (adl.Objective.__doc__ or "")]
