"""Derivatives of optima against quotients of differences of optima: two independent ways."""

import warnings

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt.problem.sensitivity import PARAMETERS
from tests.books import count, cross, elliptical, isolated, one_asset, scenarios
from tests.tolerances import TOL

STEP = 1e-4  # relative, of every parameter at once: what is left of a central quotient is its square


def moved(event, law, change):
    """The event and the law under other numbers: `change` by kind, an array each of relative changes."""
    book = event.book
    price, equity = book.price * (1 + change["price"]), book.equity * (1 + change["equity"])
    frame = pd.DataFrame({
        "account": book.accounts[book.account],
        "asset": np.array(book.assets, dtype=object)[book.asset],
        "position": book.position,
        "price": price[book.asset],
        "equity": equity[book.account],
    })  # fmt: skip
    required = event.required * (1 + change["requirement"])
    need = {
        side: {book.assets[k]: required[k] for k in np.flatnonzero(event.side == sign)}
        for side, sign in (("short", -1), ("long", 1))
    }
    size = 1 + change["volatility"]
    if isinstance(law, adl.LogNormal):
        law = adl.LogNormal(law.volatility * size, law.correlation, law.horizon, meant=True)
    elif isinstance(law, adl.Gaussian):
        scale = law.scale * np.outer(size, size)
        dof = (law.dof,) if isinstance(law, adl.StudentT) else ()
        law = type(law)(scale, *dof, law.mean, meant=True)
    limits = {"protected": event.protected, "cap": event.cap}
    return adl.Event(adl.Book.from_frame(frame), **need, **limits), law


def direction(rng, event, kinds=PARAMETERS):
    """A random relative change of all parameters; of requirements only where something is decided."""
    sizes = {"equity": len(event.book.equity)}
    change = {kind: rng.normal(size=sizes.get(kind, len(event.side))) * (kind in kinds) for kind in PARAMETERS}
    change["requirement"] *= np.isin(np.arange(len(event.side)), event.free_assets)
    return change


def predicted(sensitivity, change):
    """(d value, d closed (legs,) or None) along a direction, by the table and the movements."""
    frame = sensitivity.to_frame()
    value, closed = 0.0, 0.0
    for row in frame.itertuples():
        number = dict(map(reversed, sensitivity._names(row.parameter)))[row.of]
        if not change[row.parameter][number]:
            continue
        step = change[row.parameter][number] * row.at
        value += row.derivative * step
        movement = sensitivity.closing(row.parameter, row.of)
        closed = None if movement is None or closed is None else closed + movement.to_numpy() * step
    return value, closed


def quotients(objective, event, law, change, step=STEP):
    solved = []
    for sign in (1, -1):
        other = moved(event, law, {kind: sign * step * each for kind, each in change.items()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", adl.UncertifiedWarning)
            solved.append(adl.Problem(objective, *other).solve(tol=1e-9))
    up, down = solved
    value = (up.certificate.value - down.certificate.value) / (2 * step)
    return value, (up.closed_by_leg - down.closed_by_leg) / (2 * step)


def agree(objective, event, law, rng, kinds=PARAMETERS):
    """Whether derivatives were told and held against quotients: (of the value, of what is closed)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        best = adl.Problem(objective, event, law).solve()
    if not best.certificate.certified:
        return False, False
    sensitivity, change = best.sensitivity(), direction(rng, event, kinds)
    value, closed = predicted(sensitivity, change)
    if value != value:
        assert any(sensitivity.to_frame()["why"])
        return False, False
    quotient, movement = quotients(objective, event, law, change)
    # Terms of a direction cancel; errors are of their size.
    gross = best.certificate.value + np.abs(value)
    assert abs(value - quotient) <= TOL.derivative * gross
    if closed is None:
        return True, False
    assert np.abs(closed - movement).max() <= TOL.movement * np.maximum(np.abs(closed), event.size).max()
    return True, True


def test_smooth_optima_in_cross_margin():
    told = []
    for seed in count(150):
        rng = np.random.default_rng(seed)
        event = cross(rng, d=2, decades=1.0)
        told += [agree(adl.ExpectedLoss(), event, law, rng) for law in elliptical(rng, 2)]
    value, closed = np.mean(told, axis=0)
    assert value > 0.7 and closed > 0.7


def test_lognormal_prices_and_their_volatilities(paper):
    law = adl.LogNormal([0.6, 0.75], 0.85, 10 / 365)
    rng = np.random.default_rng(0)
    assert agree(adl.ExpectedLoss(), paper, law, rng) == (True, False)
    without = ("requirement", "equity", "price")
    assert agree(adl.ExpectedLoss(), paper, law, rng, without) == (True, True)
    assert agree(adl.ExpectedLoss() + 1e-4 * adl.LeverageSquare(), paper, law, rng, without) == (True, True)


@pytest.mark.parametrize("objective", [adl.LeverageSquare(), adl.LeveragePower(3.0), adl.ExpectedLoss()], ids=str)
def test_water_filling(objective):
    told = []
    for seed in count(200):
        rng = np.random.default_rng(seed)
        event = isolated(rng, decades=2.0)
        law = elliptical(rng, 1)[seed % 2] if isinstance(objective, adl.ExpectedLoss) else None
        kinds = PARAMETERS[:3] if law is None else PARAMETERS
        told.append(agree(objective, event, law, rng, kinds))
    assert np.mean(told, axis=0).min() > 0.5
