"""Books at the ends of what floats hold: each call answers or refuses in a sentence, within 5 seconds; no
loop without a bound.
"""

import ast
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from adl_opt import waterfill
from adl_opt.examples import october_twin as synthetic
from tests.books import count, frame
from tests.tolerances import TOL

# Seconds a call on a machine of one's own; more where others wait for the same cores.
SECONDS = 5 * max(1.0, (os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0) / (os.cpu_count() or 1))
SIZES = (5e-324, 1e-310, 1e-299, 1e-160, 1e-12, 1.0, 1.0, 3.0, 7.0, 1e12, 1e150, 1e160, 1e299, 1e308)
MODERATE = (1e-140, 1e-74, 1e-40, 1e-20, 1e-9, 1.0, 1.0, 3.0, 7.0, 1e9, 1e20, 1e40, 1e74, 1e140)


def event(seed: int) -> adl.Event:
    """Two to six accounts, one asset or two; three of four books have at most one or two numbers that are
    extreme, so that many pass the door.
    """
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(2, 7)), 1 + int(rng.random() < 0.4)
    pool = np.array(SIZES if seed % 4 == 0 else MODERATE)
    extreme = 1.0 if seed % 4 < 2 else 0.3

    def drawn(size: int) -> np.ndarray:
        return np.where(
            rng.random(size) < extreme, rng.choice(pool, size), rng.choice([1.0, 2.0, 5.0], size)
        ) * rng.uniform(0.5, 1, size)

    price, equity, unit = drawn(d), drawn(n), drawn(1)[0] if seed % 3 == 0 else 1.0
    rows = [
        (f"a{i}", f"X{k}", -float(drawn(1)[0]) * (1 if k == 0 else rng.choice([-1, 1])), price[k],
        equity[i] * unit)
        for i in range(n) for k in range(d) if k == 0 or rng.random() < 0.7
    ]  # fmt: skip
    table = frame(*zip(*rows))
    book = adl.Book.from_frame(table.assign(entry_price=table["price"] * rng.uniform(0.5, 2, len(table))))
    share = rng.choice(["30%", "99.9999999%", "1e-9%", "all", "50%"])
    return adl.Event(book, short={"X0": share})


def checked(allocation: adl.Allocation) -> None:
    e, c = allocation.event, allocation.certificate
    assert (allocation.amount >= 0).all() and (allocation.amount <= e.size).all()
    for k in np.flatnonzero(e.side):
        assert math.fsum(allocation.amount[e.closable & (e.book.asset == k)].tolist()) == e.required[k]
    assert c.status != "infeasible" and math.isfinite(c.value)
    assert c.bound is not None and c.bound <= c.value + 2 * TOL.gap * abs(c.value)


def solved(method: str, objective: adl.Objective | None = None) -> Callable[[adl.Event], Any]:
    def call(e: adl.Event) -> None:
        checked(adl.Problem(objective or adl.ExpectedLoss(), e, law_of(e)).solve(method=method))

    return call


def law_of(e: adl.Event) -> adl.Law:
    d = len(e.book.assets)
    return adl.Scenarios(np.outer([0.6, -0.4, 0.1, 0.02], np.linspace(1, -0.5, d)))


def waves(e: adl.Event) -> pd.DataFrame:
    columns = e.book.to_frame().assign(wave=1)
    return columns.assign(realized_closed=np.where(e.closable, 0.3 * columns["position"], 0.0))


CALLS: dict[str, Callable[[adl.Event], Any]] = {
    "water_filling": lambda e: checked(adl.water_filling(e)),
    "gross_water_filling": lambda e: checked(adl.gross_water_filling(e)),
    "pro_rata": lambda e: checked(adl.pro_rata(e)),
    "bitmex": lambda e: checked(adl.policy("bitmex")(e)),
    "solve auto": solved("auto"),
    "solve closed-form": solved("closed-form"),
    "solve separable": solved("separable"),
    "solve conic": solved("conic"),
    "solve normal": lambda e: adl.Problem(
        adl.ExpectedLoss(), e, adl.Gaussian(0.01 * np.eye(len(e.book.assets)))
    ).solve(),
    "solve LeverageSquare": solved("auto", adl.LeverageSquare()),
    "solve MaxLeverage": solved("auto", adl.MaxLeverage()),
    "solve CVaR": solved("auto", adl.CVaR(0.5)),
    "certify": lambda e: adl.certify(adl.ExpectedLoss(), e, law_of(e), adl.pro_rata(e)),
    "stress": lambda e: adl.stress(e.book, pd.Series(0.3, index=list(e.book.assets))),
    "replay": lambda e: adl.replay(adl.Waves.from_frame(waves(e)), ["pro_rata", "bitmex"], progress=False),
    "compare": lambda e: adl.compare(e, law_of(e)),
    "optimal_range": lambda e: adl.optimal_range(adl.Problem(adl.ExpectedLoss(), e, law_of(e))),
    "round_to_lots": lambda e: adl.round_to_lots(adl.pro_rata(e), {"X0": float(e.required[0]) / 7 or 1.0}),
}


@pytest.mark.fuzz
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("seed", count(200))
@pytest.mark.parametrize("name", CALLS)
def test_every_call_answers_or_refuses(name, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CALLS[name](event(seed))
        except adl.AdlError as error:
            assert "\n" not in str(error) and str(error)


ENDLESS = [  # equities, sizes, price, requirement: the water level was looked for without end
    ([1e-310, 1], [1, 2], 1, 1.5),
    ([5e-324, 250], [38286748.9, 65888.7], 1, 3.8e-5),
    ([5e-324, 4e-6], [4.5e-8, 4.5e-8], 1, 9e-8),
    ([0.89, 5e-324, 0.89], [0.0019, 0.0019, 0.0019], 1, 0.005),
    ([1, 1], [1e160, 1e160], 1e160, 1e159),
    ([1e-200, 1e200], [1, 2], 1, 1.5),
]


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("equity, size, price, required", ENDLESS)
def test_the_endless_books_are_refused_by_name(equity, size, price, required):
    names = [f"a{i}" for i in range(len(equity))]
    with pytest.raises(adl.AdlError, match=r"of account 'a\d'; leave it out, or use other units"):
        adl.Event(
            adl.Book.from_frame(frame(names, "K", [-float(s) for s in size], float(price), equity)),
            short={"K": required},
        )


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("seed", count(2_000))
def test_water_level_from_arrays_is_exact_or_refused(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    pool = np.array([5e-324, 1e-310, 1e-149, 1e-80, 1e-20, 1, 1, 3, 7, 1e20, 1e80, 1e149,
    1e308]) if seed % 4 == 0 else np.array(
        [1e-149, 1e-80, 1e-20, 1, 1, 3, 7, 1e20, 1e80, 1e149]
    )  # fmt: skip
    size, equity = rng.choice(pool, n) * rng.choice([1.0, 0.7], n), rng.choice(pool, n)
    cap = None if rng.random() < 0.5 else size * rng.random(n)
    most = size if cap is None else cap
    required = float(min(sum(most.tolist()), 1.7e308)) * float(
        rng.choice([1, 0.5, 0.3, 1 - 1e-9, 1e-9, 0, 1 - 2**-53])
    )
    try:
        level, closed = waterfill.water_level(size, equity, required, cap)
    except adl.EventError:
        return
    assert math.isfinite(level) and level >= 0
    assert math.fsum(closed.tolist()) == required and (closed >= 0).all() and (closed <= most).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_twin_s_pairs_are_found_where_every_pair_is_taken(seed):
    account, asset = synthetic._pairs(np.random.default_rng(seed), 60, 12, 5)
    assert len({(int(i), int(k)) for i, k in zip(account, asset)}) == 60


def test_every_while_has_a_bound():
    """Loops are `for` over a range; of each `while` that is left the bound is said here."""
    said = {
        (
            "studies/shrinking.py",
            "better and tried < most",
        ): "a round that finds nothing better ends it, and each counts its tries",
        (
            "cli/tables.py",
            "sum(widths) > room",
        ): "the least widths fit, and each round takes a column off one",
        ("methods/conic/narrowing.py", "found.programs < most"): "each round counts a program",
        (
            "studies/frontier.py",
            "(wanted := curve.next_chords(points - len(curve.nodes)))",
        ): "each round adds nodes, or closes the chords it asked for",
        ("studies/reach.py", "high - low > 1"): "each round halves a range of whole numbers",
        ("studies/reach.py", "high - low > _NEAR * high"): "each round halves it, to the floats",
        ("waterfill/between.py", "True"): "each round but the last marks a group full",
        (
            "numerics/readonly.py",
            "isinstance(base, np.ndarray) and (not base.flags.writeable)",
        ): "views of views end at an array of its own",
    }
    found, package = set(), Path(adl.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.While):
                found.add((str(path.relative_to(package)), ast.unparse(node.test)))
    assert found == set(said)


def test_positions_of_1e308_on_the_command_line(tmp_path):
    frame(["A", "B"], "K", [-1e308, -1e308], 1.0, [1.0, 1.0]).to_csv(tmp_path / "b.csv", index=False)
    line = [sys.executable, "-m", "adl_opt", "solve", str(tmp_path / "b.csv"), "--short", "K=1e308"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "positions are above 1e+150 or below 1e-150" in done.stderr.replace("\n", " ")
