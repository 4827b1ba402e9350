"""Every benchmark spec builds once, untimed; the drivers and the report work on a toy; nothing here measures
time.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import adl_opt as adl
from adl_opt.verification import catalog
from benchmarks import driver, figure, memory, report, scale, specs, theirs, verbs
from tests.tolerances import TOL


@pytest.mark.parametrize("spec", specs.SPECS, ids=lambda spec: spec.name)
def test_every_spec_builds_and_answers_at_its_smallest_size(spec):
    size = min(spec.sizes[0], 40)
    case, contenders = spec.build(size)
    assert case.accounts == size
    for contender in contenders:
        if contender.optional:
            try:
                answer = contender.run(0)
            except adl.SolveError as error:  # what the driver leaves out, with its reason
                assert "does not solve this problem" in str(error)
                continue
        else:
            answer = contender.run(0)
        assert answer.says
        if contender.ours:
            found = case.certify(0, verbs.frame_of(case.event(0), answer.amount))
            assert found.certified, contender.name


def test_every_model_has_a_spec():
    solvable = {name for name in catalog.names() if adl.load(name).objective.lower_bound_objective() is None}
    assert {f"model {name}" for name in solvable} <= {spec.name for spec in specs.SPECS}
    assert set(catalog.names()) - solvable == {"mean_variance"}  # a measure that cannot be minimised


def test_headlines_name_what_there_is():
    known = {spec.name: spec for spec in specs.SPECS}
    for line in specs.HEADLINES:
        spec = known[line.spec]
        names = [contender.name for contender in spec.build(spec.sizes[0])[1]]
        assert {line.size, line.against_size or line.size} <= set(spec.sizes) and line.contender in names
        assert line.worst or line.against is None or line.against in names


def test_the_published_consensus_method_ends_near_the_optimum():
    spec = next(spec for spec in specs.SPECS if spec.name == "published approach")
    answer = next(c for c in spec.build(4)[1] if c.name == specs.CONSENSUS).run(0)
    assert answer.amount.sum() == pytest.approx(10.0, rel=TOL.formula)
    assert specs.OPTIMUM * (1 - TOL.paper) <= answer.claimed <= specs.OPTIMUM * 1.001


def test_programs_by_hand_agree_with_ours():
    """Expected loss and CVaR of several assets, written as a user does."""
    book = adl.examples.book(12, 2, 2, 3)
    event = adl.Event(book, short=dict.fromkeys(book.assets, "30%"))
    law = adl.Gaussian(scale.correlated(np.array([0.1, 0.2]))).sample(64, seed=1)
    for objective, level, solver in ((adl.ExpectedLoss(), None, "HIGHS"), (adl.CVaR(0.9), 0.9, "CLARABEL")):
        case = verbs.Case(objective=objective, events=(event,), law=law)
        claimed = theirs.handwritten(case, solver, "by hand", level).run(0).claimed
        assert claimed == pytest.approx(
            adl.Problem(objective, event, law).solve().certificate.value, rel=1e-4
        )
        if level is None:
            assert theirs.sparse(case, solver, "expert").run(0).claimed == pytest.approx(claimed, rel=1e-6)
    assert 0 < scale.possible(case) < 1


def test_peak_memory_is_that_of_a_process():
    assert 5e7 < memory.peak("isolated margin", 10, "closed form") < 2e9
    assert memory.peak("isolated margin", 10, "no such contender") is None


def test_a_toy_run_is_reported_with_its_gap():
    toy = replace(
        next(spec for spec in specs.SPECS if spec.name == "model cross_margin"), sizes=(4,), seconds=0.0
    )
    result = driver.measure(toy, 4)
    assert not result.troubles and all(line.gap <= TOL.gap for line in result.lines if line.times)
    text = report.render([result], report.machine(), 1.0)
    assert "gap" in text and "certified" in text and "cvxpy" in text


def test_the_figure_shows_what_was_measured(tmp_path):
    toy = replace(
        next(spec for spec in specs.SPECS if spec.name == "isolated margin"), sizes=(10, 100), seconds=0.0
    )
    results = [driver.measure(toy, size) for size in toy.sizes]
    figure.draw(results, tmp_path / "scale.svg")
    figure.write(results, tmp_path / "scale.csv")
    assert (tmp_path / "scale.svg").stat().st_size > 5_000
    rows = (tmp_path / "scale.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "line,accounts,seconds,gap" and [row.split(",")[-3] for row in rows[1:]] == [
        "10",
        "100",
    ]


def test_published_dual_ascent_is_feasible_and_no_better_than_the_optimum():
    spec = next(spec for spec in specs.SPECS if spec.name == "published approach")
    case, contenders = spec.build(4)
    answer = next(c for c in contenders if c.name == specs.PUBLISHED).run(0)
    assert answer.amount is not None and answer.amount.sum() == pytest.approx(10.0, rel=TOL.formula)
    assert answer.claimed >= specs.OPTIMUM * (1 - TOL.paper)
    assert np.isfinite(answer.claimed) and case.known == specs.OPTIMUM


def test_results_are_written_and_name_no_path():
    text = (Path(specs.__file__).with_name("RESULTS.md")).read_text(encoding="utf-8")
    assert "## In short" in text and "commit" in text and "/work/" not in text and "/tmp/" not in text
