"""One contract for every file in models/: a model dropped into the folder is tested here with no new code."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.verification import catalog
from adl_opt.verification.model import verdicts
from tests.tolerances import TOL


@pytest.fixture(params=catalog.names())
def model(request):
    return adl.load(request.param)


def test_every_claim_holds(model):
    failed = [
        f"{v.claim.name}: {v.violation:.3g} > {v.claim.tolerance:.3g}"
        for v in verdicts(model)
        if not v.as_stated
    ]
    assert not failed


def test_smallest_size_is_certified_by_every_method(model):
    event = model.event(model.sizes[0], 1)
    if (
        model.objective.lower_bound_objective() is not None
    ):  # a measure that cannot be minimised says so, and has a bound all the same
        with pytest.raises(adl.ObjectiveError, match="cannot be minimised"):
            adl.Problem(model.objective, event, model.law).solve()
        proof = adl.certify(model.objective, event, model.law, adl.pro_rata(event))
        assert proof.status == "uncertified" and 0 < proof.bound <= proof.value
        return
    limits = model.limits(event)
    solved = adl.Problem(model.objective, event, model.law, subject_to=limits).solve()
    assert solved.certificate.certified
    as_it_is = (
        model.law is None
        or isinstance(model.law, adl.Scenarios)
        or isinstance(model.objective, adl.FactorLeverageSquare)
    )
    law = model.law if as_it_is else model.law.sample(64, seed=2)
    conic = adl.Problem(model.objective, event, law, subject_to=limits).solve(method="conic")
    assert conic.certificate.certified
    if model.closed_form is not None:
        policy = adl.certify(model.objective, event, law, model.closed_form(event), subject_to=limits)
        assert policy.certified
        assert policy.value == pytest.approx(
            conic.certificate.value, abs=TOL.value * conic.certificate.reference
        )


def test_second_size_builds_reproducibly(model):
    n = model.sizes[min(1, len(model.sizes) - 1)]
    first, again, other = model.event(n, 1), model.event(n, 1), model.event(n, 2)
    assert len(first.book.accounts) == n
    assert (first.book.position == again.book.position).all() and not (
        first.book.position == other.book.position
    ).all()


def test_one_screen_and_a_source(model):
    text = (catalog.folder() / f"{model.name}.py").read_text(encoding="utf-8")
    assert text.count("MODEL = adl.Model(") == 1 and "minimize" in text and "Source:" in text
    assert text.count("\n") <= 90
    assert model.source and all(claim.source for claim in model.claims)


def test_verify_is_a_table(model):
    table = adl.verify(model)
    assert (
        list(table.columns)
        == [
            "model",
            "claim",
            "statement",
            "source",
            "violation",
            "tolerance",
            "holds",
            "as_stated",
            "trouble",
        ]
        and table["as_stated"].all()
    )


def test_a_users_own_file_is_a_model(tmp_path):
    shutil.copy(catalog.folder() / "expected_loss.py", tmp_path / "mine.py")
    assert adl.load(tmp_path / "mine.py").problem(5).solve().certificate.certified


def test_exactly_one_demo():
    assert [name for name in catalog.names() if adl.load(name).demo] == ["cross_margin"]


def test_a_false_claim_is_seen():

    honest = adl.load("cross_margin")
    broken = adl.Claim(name="broken", statement="fails", source="none", check=lambda _: 1 / 0, tolerance=1e-9)
    table = adl.verify(replace(honest, claims=(broken, *honest.claims[:1])))
    assert (
        table["holds"].tolist() == [False, True, True, True, True]
        and table.loc[0, "trouble"] == "ZeroDivisionError: division by zero"
    )
    for found in (1.0, float("nan"), -1.0, float("inf")):
        lie = adl.Claim(
            name="lie", statement="false", source="none", check=lambda _, found=found: found, tolerance=1e-9
        )
        assert not adl.verify(replace(honest, claims=(lie,))).loc[0, "holds"]


def test_a_claim_is_its_docstring_and_its_worst_violation():
    model = adl.load("cvar")

    @adl.claim(source="here")
    def yields(_):
        """said
        here"""
        yield 0.1
        yield np.array([0.2, -3.0]), 0.05

    @adl.claim("half of the events say nothing", "here", seeds=2)
    def hardly_asked(_, event):
        return None if event.required[0] > model.event(20, 1).required[0] - 1e-9 else 0.0

    assert yields.statement == "said here" and yields.violation(model) == 0.2
    assert hardly_asked.violation(model) == 1.0
    (row,) = adl.claims(("row", "said", "here", 0.0, lambda _: [float("nan"), 1.0]), fails=True)
    assert row.name == "row" and row.fails and np.isnan(row.violation(model))


def test_a_claim_that_is_stated_to_fail_must_fail():
    """It stays in sight with its measured violation; if it suddenly holds, that is reported too."""
    honest = adl.load("queue")
    table = adl.verify(honest).set_index("claim")
    assert table.loc["path_independent", "violation"] == 0.5 and not table.loc["path_independent", "holds"]
    assert table["as_stated"].all() and (~table["holds"]).sum() == 5

    @adl.claim("nothing is wrong", "nowhere", fails=True)
    def too_good(model):
        return 0.0

    assert not adl.verify(replace(honest, claims=(too_good,))).loc[0, "as_stated"]


def test_what_is_claimed_of_every_model_is_asked_of_every_model(model):
    """Only what there is nothing to ask of is left out: a measure that cannot be minimised has no shadow
    price.
    """
    asked = set(adl.verify(model)["claim"]) - {claim.name for claim in model.claims}
    priceless = {"prices_are_slopes"} if model.name == "mean_variance" else set()
    assert asked == {"express_is_value", "gaps_are_gaps", "prices_are_slopes"} - priceless


def test_every_model_has_an_anchor(model):
    """A number from outside the library: a formula by hand, or a published or integrated one."""
    anchored = {
        "cross_margin": "published_value",
        "mean_variance": "water_filling_loses",
        "worst_case": "one_move_decides",
    }
    assert anchored.get(model.name, "value_by_hand") in {claim.name for claim in model.claims}
