"""Every benchmark spec builds once, untimed; the drivers and the report work on a toy; nothing here measures time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import adl_opt as adl
from adl_opt import catalog
from benchmarks import driver, report, specs, verbs

from .tolerances import TOL


@pytest.mark.parametrize("spec", specs.SPECS, ids=lambda spec: spec.name)
def test_every_spec_builds_and_answers_at_its_smallest_size(spec):
    case, contenders = spec.build(spec.sizes[0])
    assert case.accounts == spec.sizes[0]
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
            found = adl.certify(case.objective, case.event(0), case.law, verbs.frame_of(case.event(0), answer.amount))
            assert found.certified, contender.name


def test_every_model_has_a_spec():
    solvable = {name for name in catalog.names() if adl.load(name).objective.below() is None}
    assert {f"model {name}" for name in solvable} <= {spec.name for spec in specs.SPECS}
    assert set(catalog.names()) - solvable == {"mean_variance"}  # a measure that cannot be minimised


def test_headlines_name_what_there_is():
    known = {spec.name: spec for spec in specs.SPECS}
    for line in specs.HEADLINES:
        spec = known[line.spec]
        names = [contender.name for contender in spec.build(line.size)[1]]
        assert line.size in spec.sizes and line.contender in names and (line.against is None or line.against in names)


def test_a_toy_run_is_reported_with_its_gap():
    toy = replace(next(spec for spec in specs.SPECS if spec.name == "model cross_margin"), sizes=(4,), seconds=0.0)
    result = driver.measure(toy, 4)
    assert not result.troubles and all(line.gap <= TOL.gap for line in result.lines if line.times)
    text = report.render([result], report.machine(), 1.0)
    assert "gap" in text and "certified" in text and "cvxpy" in text


def test_published_dual_ascent_is_feasible_and_no_better_than_the_optimum():
    spec = next(spec for spec in specs.SPECS if spec.name == "published approach")
    case, contenders = spec.build(4)
    answer = next(c for c in contenders if c.name == specs.PUBLISHED).run(0)
    assert answer.amount is not None and answer.amount.sum() == pytest.approx(10.0, rel=1e-9)
    assert answer.claimed >= specs.OPTIMUM * (1 - TOL.paper)
    assert np.isfinite(answer.claimed) and case.known == specs.OPTIMUM


def test_results_are_written_and_name_no_path():
    text = (Path(specs.__file__).with_name("RESULTS.md")).read_text(encoding="utf-8")
    assert "## In short" in text and "commit" in text and "/work/" not in text and "/tmp/" not in text
