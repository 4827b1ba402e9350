"""Planted faults: what `verify` must notice.

`python -m tests.planted [MODEL ...]` prints the table fault x model.

A fault is planted inside the package while a model is loaded and its claims are checked. It touches a model
if the model declares what is faulty (its objective, law, closed form: `uses`), or if a faulty answer was
given to one of its claims. A model that is touched and stays as stated is a hole; those that cannot be seen,
even in principle, are listed in BLIND with the reason.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import adl_opt as adl
from adl_opt.certificates import assess as certificate
from adl_opt.data.book import Book
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Scenarios
from adl_opt.laws.elliptical import Gaussian
from adl_opt.laws.lognormal import LogNormal
from adl_opt.laws.one_factor import OneFactor
from adl_opt.methods import separable, snapping
from adl_opt.methods.base import Found, Request
from adl_opt.methods.conic.solve import ConicMethod
from adl_opt.numerics import tail_integrals as shortfall
from adl_opt.objectives.base import Objective
from adl_opt.objectives.mean_deviation import _ValueOnly
from adl_opt.objectives.risk_measure import RiskMeasure
from adl_opt.policies import lots
from adl_opt.policies.queue import QueueRule
from adl_opt.problem import optimal_set as optima
from adl_opt.problem.allocation import Allocation
from adl_opt.verification import catalog
from adl_opt.verification.model import Model
from adl_opt.waterfill import isolated
from adl_opt.waterfill import level as waterfill
from tests.verification.plant import Fault, Plant, noticed


def times(factor: float) -> Callable[..., Any]:
    return lambda answer, *_: None if answer is None else answer * factor


def first_times(factor: float) -> Callable[..., Any]:
    """Of several answers the first one."""
    return lambda answer, *_: (answer[0] * factor, *answer[1:])


def minimised(objective: Objective) -> Objective:
    """What is minimised: the objective, or the one below it."""
    return adl.MonotoneMeanVariance() if isinstance(objective, _ValueOnly) else objective


def moved(event: adl.Event, amount: np.ndarray, share: float = 0.01) -> np.ndarray:
    """1 % of each requirement closed by another account: taken from who closes most, given to the least
    levered who can close that much.
    """
    amount = amount.copy()
    for k in event.free_assets:
        legs = np.flatnonzero(event.free & (event.book.asset == k))
        step = share * event.required[k]
        giver = legs[np.argmax(amount[legs])]
        others = legs[legs != giver]
        if len(others):
            room, leverage = (
                (event.size - amount)[others],
                event.book.leverage.to_numpy()[event.book.account[others]],
            )
            taker = others[
                np.argmin(np.where(room >= step, leverage, np.inf))
                if (room >= step).any()
                else np.argmax(room)
            ]
            step = min(step, amount[giver], event.size[taker] - amount[taker])
            amount[giver] -= step
            amount[taker] += step
    return amount


def moved_allocation(allocation: Allocation, *_: Any) -> Allocation:
    return replace(allocation, amount=moved(allocation.event, allocation.amount))


def _closed_form(model: Model, rule: Callable[[Allocation], Allocation]) -> Model:
    policy = model.closed_form
    return model if policy is None else replace(model, closed_form=lambda start: rule(policy(start)))


def _by_profit(allocation: Allocation) -> Allocation:
    return (
        adl.pro_rata_profit(allocation.event) if "entry_price" in allocation.event.book.extra else allocation
    )


def _certificate(**changes: Callable[[adl.Certificate], Any]) -> Callable[..., Any]:
    """Spoil the certificate that `assess` returns, where it has a bound."""

    def spoil(proof: certificate.Proof, *_: Any) -> certificate.Proof:
        c = proof.certificate
        if c.bound is None:
            return proof
        return replace(proof, certificate=replace(c, **{name: change(c) for name, change in changes.items()}))

    return spoil


def _gap(c: adl.Certificate, bound: float) -> float:
    return (c.value - bound) / abs(c.value) if c.value else 0.0


def _correlations(factor: float) -> Callable[[Any], None]:
    def spoil(law: Gaussian) -> None:
        scale = np.where(np.eye(len(law.scale)) > 0, law.scale, law.scale * factor)
        object.__setattr__(law, "scale", scale)

    return spoil


def _lognormal(law: LogNormal) -> None:
    object.__setattr__(
        law, "correlation", np.where(np.eye(len(law.correlation)) > 0, 1.0, law.correlation * 0.95)
    )


_TILTED: set[bytes] = set()


def _tilted(law: Scenarios) -> None:
    if law.probability.tobytes() in _TILTED:  # a law that is made of one with the fault
        return
    tilt = law.probability * (1 + 0.01 * (-1.0) ** np.arange(len(law.probability)))
    object.__setattr__(law, "probability", tilt / tilt.sum())
    _TILTED.add(law.probability.tobytes())


def _loading(law: OneFactor) -> None:
    object.__setattr__(law, "loading", law.loading * np.where(np.arange(len(law.loading)) == 0, 1.01, 1.0))


def _slopes(terms: tuple[np.ndarray, ...], *_: Any) -> tuple[np.ndarray, ...]:
    return (
        (terms[0], terms[1] * np.linspace(1, 1.05, len(terms[1]))[:, None], *terms[2:])
        if len(terms) > 1
        else terms
    )


def _minorant(answer: Any, *_: Any) -> Any:
    if answer is None:
        return None
    tilt = np.linspace(1, 1.05, len(answer.low))
    return replace(answer, low=answer.low * tilt, high=answer.high * tilt)


def _ranges(frame: Any, *_: Any) -> Any:
    return frame.assign(most=frame["most"] * 1.01)


def _lot_more(counts: np.ndarray, *_: Any) -> np.ndarray:
    """One lot more of the leg that closes most and one less of the next."""
    counts, order = counts.copy(), np.argsort(-counts)
    counts[order[0]] += 1
    counts[order[1]] -= 1
    return counts


def _solvers(plant: Plant) -> None:
    def conic(answer: Found, _: Any, request: Request) -> Found:
        amount = moved(request.event, answer.amount)
        proof = certificate.assess(request.objective, request.event, request.law, amount)
        return answer._replace(amount=amount, proof=proof)

    plant.method(ConicMethod, "solve", conic)

    def at_ends(
        answer: tuple[Any, ...], objective: Any, event: adl.Event, law: Any, *_: Any
    ) -> tuple[Any, ...]:
        amount = moved(event, answer[0])  # after what puts legs in their places: that would put them back
        return amount, certificate.assess(objective, event, law, amount)

    plant.function(snapping.assess_at_ends, at_ends)
    plant.function(
        separable.solve, lambda answer, objective, event, *_: (moved(event, answer[0]), *answer[1:])
    )


def _unclear(plant: Plant) -> None:
    plant.function(waterfill.clear_exactly, times(1 + 1e-6), "data.event", "policies")
    plant.function(isolated.fill, first_times(1 + 1e-6))


def everyone(model: Model) -> bool:
    return True


def nobody(model: Model) -> bool:
    return False


def named(*names: str) -> Callable[[Model], bool]:
    return lambda model: model.name in names


def of_law(kind: type, assets: int = 1) -> Callable[[Model], bool]:
    return lambda model: isinstance(model.law, kind) and model.law.dimension >= assets


FAULTS = (
    Fault("value x 1.0001", lambda p: p.objective("value", times(1.0001), lambda o: o), everyone),
    Fault("express x 1.0001", lambda p: p.objective("express", times(1.0001), minimised), everyone),
    Fault("of x 1.0001", lambda p: p.objective("of", times(1.0001), lambda o: o if isinstance(o,
    RiskMeasure) else None), lambda m: isinstance(m.objective, RiskMeasure)),
    Fault("measure below x 1.01", lambda p: p.objective("of", times(1.01),
    lambda o: adl.MonotoneMeanVariance()), named("mean_variance")),
    Fault("support tilted by up to 5 %", lambda p: p.objective("minorant", _minorant, minimised), everyone),
    Fault("every gap at 1e-4", lambda p: p.function(certificate.relative_gap, times(1e-4)), everyone),
    Fault("knapsack gap at 1e-4", lambda p: p.function(certificate.knapsack, first_times(1e-4)), everyone),
    Fault("bound halved", lambda p: p.function(certificate.assess, _certificate(bound=lambda c: c.bound / 2)),
    everyone),
    Fault("bound and gap for half the bound", lambda p: p.function(certificate.assess,
    _certificate(bound=lambda c: c.bound / 2, gap=lambda c: _gap(c, c.bound / 2))), everyone),
    Fault("all is called certified", lambda p: p.function(certificate.assess,
    _certificate(status=lambda c: "certified")), everyone),
    Fault("shadow price x 1.01", lambda p: p.function(certificate.assess, lambda proof, *_: replace(proof,
    price=proof.price * 1.01)), lambda m: not isinstance(m.objective, _ValueOnly)),
    Fault("closed form: pro rata to equity", lambda p: p.model(lambda m: _closed_form(m,
    lambda a: adl.pro_rata_equity(a.event))), lambda m: m.closed_form is not None),
    Fault("closed form: 1 % moved", lambda p: p.model(lambda m: _closed_form(m, moved_allocation)),
    lambda m: m.closed_form is not None),
    Fault("water-filling: 1 % moved", lambda p: p.function(isolated.fill, lambda answer, event,
    *_: (moved(event, answer[0]), answer[1])), lambda m: m.closed_form is adl.water_filling, whoever=True),
    Fault("solvers' answers: 1 % moved", _solvers,
    lambda m: m.closed_form is None and not isinstance(m.objective, _ValueOnly), whoever=True),
    Fault("objective's closed form: 1 % moved", lambda p: p.objective("closed_form", lambda a, self, event,
    law: None if a is None else moved(event, a), lambda o: o),
    lambda m: m.closed_form is not None and m.objective.closed_form(m.event(m.sizes[0], 0),
    None) is not None),
    Fault("level off by 1 %", lambda p: p.function(waterfill.water_level, first_times(1.01)),
    named("expected_loss")),
    Fault("price x 1.01", lambda p: p.attribute(Book, "notional", times(1.01)), everyone),
    Fault("price x 1.01 in value", lambda p: p.attribute(SymbolsAt, "notional", times(1.01)),
    lambda m: type(m.objective).__name__ not in ("ClosedEvenly", "Ranked")),
    Fault("price x 1.01 in express", lambda p: p.attribute(adl.Event, "notional", times(1.01)),
    lambda m: type(m.objective).__name__ not in ("ClosedEvenly", "Ranked")),
    Fault("leverage x 1.01 in value", lambda p: p.attribute(SymbolsAt, "leverage", times(1.01)),
    lambda m: isinstance(m.objective, (adl.MaxLeverage, adl.LeverageSquare)), whoever=False),
    Fault("correlations x 0.95", lambda p: p.built(Gaussian, _correlations(0.95)), of_law(Gaussian, 2)),
    Fault("correlations dropped", lambda p: p.built(Gaussian, _correlations(0.0)), of_law(Gaussian, 2)),
    Fault("lognormal correlation x 0.95", lambda p: p.built(LogNormal, _lognormal), named("cross_margin")),
    Fault("normal formula x 1.02", lambda p: p.function(shortfall.normal_excess, times(1.02)),
    lambda m: type(m.law) is Gaussian),
    Fault("Student formula x 1.02", lambda p: p.function(shortfall.student_excess, times(1.02)),
    of_law(adl.StudentT)),
    Fault("lognormal formula x 1.02", lambda p: p.method(LogNormal, "shortfall_terms", first_times(1.02)),
    named("cross_margin")),
    Fault("slopes of the loss tilted", lambda p: p.method(Gaussian, "_terms", _slopes), of_law(Gaussian),
    whoever=False),
    Fault("probabilities tilted by 1 %", lambda p: p.built(Scenarios, _tilted),
    lambda m: isinstance(m.law, Scenarios)),
    Fault("samples 10 % too wide", lambda p: p.method(Gaussian, "_draw", times(1.1)), named("gaussian")),
    Fault("loading of one asset x 1.01", lambda p: p.built(OneFactor, _loading), of_law(OneFactor)),
    Fault("lots bound halved", lambda p: p.method(adl.LotBound, "under", times(0.5)), named("lots")),
    Fault("lots bound doubled", lambda p: p.method(adl.LotBound, "under", times(2.0)), named("lots")),
    Fault("one lot moved", lambda p: p.function(lots._counts, _lot_more), named("lots")),
    Fault("queue reversed", lambda p: p.method(QueueRule, "score", times(-1.0)), named("queue")),
    Fault("pro rata to equity, not position", lambda p: p.function(adl.pro_rata, lambda a,
    event: adl.pro_rata_equity(event)), named("pro_rata")),
    Fault("gross levelling: 1 % moved", lambda p: p.function(adl.gross_water_filling, moved_allocation),
    named("hedge_matters")),
    Fault("ranges 1 % too wide", lambda p: p.function(adl.optimal_range, _ranges), nobody, whoever=True),
    Fault("unique and not unique exchanged", lambda p: p.method(optima.Optima, "unique", lambda a,
    *_: None if a is None else not a), nobody, whoever=True),
    Fault("clearing missed by 1e-6", _unclear, everyone),
    Fault("equity x 1.0001 from margin", lambda p: p.built(Book, lambda book: object.__setattr__(book,
    "equity", book.equity * (1.0001 if "margin" in book.extra else 1.0))), named("cross_margin")),
    Fault("closed form: water-filling", lambda p: p.model(lambda m: _closed_form(m,
    lambda a: adl.water_filling(a.event))), named("pro_rata", "queue")),
    Fault("closed form: by entry prices", lambda p: p.model(lambda m: _closed_form(m, _by_profit)),
    named("expected_loss")),
)  # fmt: skip

# (fault, model): why it cannot be seen, even in principle. A test holds that it is not.
_ANOTHER_PROOF = (
    "a support that proves less is made up for by another proof: Thm 1 scenario by scenario, or the conic "
    "dual"
)
BLIND: dict[tuple[str, str], str] = {
    **{
        ("support tilted by up to 5 %", name): _ANOTHER_PROOF
        for name in ("cvar", "entropic", "mean_variance", "robust", "semideviation", "spectral", "worst_case")
    },
    ("probabilities tilted by 1 %", "worst_case"): "the worst case looks at no probability but 0",
    (
        "water-filling: 1 % moved",
        "pro_rata",
    ): "it is the yardstick of a claim that is stated to fail, and fails",
}


def cell(fault: Fault, name: str) -> str:
    """ "-" (not touched), the claim that notices, "blind", or "HOLE"."""
    if not fault.whoever and not fault.uses(catalog.load(name)):
        return "-"
    touched, found = noticed(fault, name)
    if found:
        return found[0].claim.name
    return "-" if not touched else "blind" if (fault.name, name) in BLIND else "HOLE"


def main(chosen: list[str]) -> None:
    names = chosen or catalog.names()
    holes = 0
    print(f"{'':33}" + " ".join(f"{name[:10]:10}" for name in names))
    for fault in FAULTS:
        cells = [cell(fault, name) for name in names]
        holes += cells.count("HOLE")
        print(f"{fault.name:33}" + " ".join(f"{one[:10]:10}" for one in cells), flush=True)
    print(f"{len(FAULTS)} faults x {len(names)} models: {holes} holes")


if __name__ == "__main__":
    main(sys.argv[1:])
