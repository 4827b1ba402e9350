"""Whatever is handed to whichever call is answered by an error of ours, in a sentence."""

import warnings

import numpy as np
import pytest

import adl_opt as adl
from tests.books import BOOK, MOVES, SIX

WAVES = adl.Waves.from_frame(BOOK.to_frame().assign(wave=1, realized_closed=[-1.0, 0.0]))
JUNK = [
    None,
    "x",
    float("nan"),
    [],
    {},
    object(),
    10**400,
    1j,
    True,
    -1,
    [None],
    {"X": None},
    {"X": "x"},
    np.array([1j]),
    b"x",
    (),
]
CALLS = {
    "Book.from_frame": adl.Book.from_frame,
    "Event book": lambda x: adl.Event(x, short={"K": 1.0}),
    "Event short": lambda x: adl.Event(BOOK, short=x),
    "Event short amount": lambda x: adl.Event(BOOK, short={"K": x}),
    "Event protected": lambda x: adl.Event(BOOK, short={"K": 1.0}, protected=x),
    "Event cap": lambda x: adl.Event(BOOK, short={"K": 1.0}, cap=x),
    "Problem objective": lambda x: adl.Problem(x, SIX, MOVES),
    "Problem event": lambda x: adl.Problem(adl.ExpectedLoss(), x, MOVES),
    "Problem law": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, x).solve(),
    "solve method": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(method=x),
    "solve solver": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(solver=x),
    "solve tol": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(tol=x),
    "solve time_limit": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(time_limit=x),
    "solve prefer": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(prefer=x),
    "solve short": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(short=x),
    "sweep": lambda x: adl.Problem(adl.ExpectedLoss(), SIX, MOVES).sweep(short={"K": x}),
    "certify objective": lambda x: adl.certify(x, SIX, MOVES, adl.pro_rata(SIX)),
    "certify event": lambda x: adl.certify(adl.ExpectedLoss(), x, MOVES, adl.pro_rata(SIX)),
    "certify law": lambda x: adl.certify(adl.ExpectedLoss(), SIX, x, adl.pro_rata(SIX)),
    "certify allocation": lambda x: adl.certify(adl.ExpectedLoss(), SIX, MOVES, x),
    "compare event": adl.compare,
    "compare law": lambda x: adl.compare(SIX, x),
    "compare policies": lambda x: adl.compare(SIX, MOVES, x),
    "compare measures": lambda x: adl.compare(SIX, MOVES, None, x),
    "compare a measure": lambda x: adl.compare(SIX, MOVES, None, [x]),
    "weights": lambda x: x * adl.ExpectedLoss(),
    "sums": lambda x: adl.ExpectedLoss() + x,
    "load": adl.Allocation.load,
    "optimal_range": adl.optimal_range,
    "water_filling": adl.water_filling,
    "pro_rata": adl.pro_rata,
    "policy": adl.policy,
    "explain": lambda x: adl.pro_rata(SIX).explain(x),
    "CVaR": adl.CVaR,
    "OCE": lambda x: adl.OCE(x, x),
    "LeveragePower": adl.LeveragePower,
    "replay waves": lambda x: adl.replay(x, ["pro_rata"]),
    "replay law": lambda x: adl.replay(WAVES, ["pro_rata"], law=x, progress=False),
    "replay policies": lambda x: adl.replay(WAVES, x, progress=False),
    "stress book": lambda x: adl.stress(x, {"K": 0.1}),
    "stress_path": lambda x: adl.stress_path(BOOK, x),
    "axioms": lambda x: adl.axioms.check(x, seed=1, books=2),
    "axioms seed": lambda x: adl.axioms.check("pro_rata", seed=x, books=2),
    "axioms asked": lambda x: adl.axioms.check("pro_rata", books=2, axioms=x),
    "refute": lambda x: adl.refute(x, adl.MaxLeverage(), books=2),
    "refute objective": lambda x: adl.refute("pro_rata", x, books=2),
    "refute law": lambda x: adl.refute("pro_rata", adl.ExpectedLoss(), law=x, books=2),
    "refute events": lambda x: adl.refute("pro_rata", adl.MaxLeverage(), events=x, books=2),
    "round_to_lots": lambda x: adl.round_to_lots(x, {"K": 1.0}),
    "water_level size": lambda x: adl.waterfill.water_level(x, [1.0], 1.0),
    "water_level required": lambda x: adl.waterfill.water_level([1.0], [1.0], x),
    "worst_weights": lambda x: adl.CVaR(0.9).worst_weights(x, [1.0]),
    "a model": adl.load,
    "save": lambda x: adl.pro_rata(SIX).save(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_junk_is_answered_by_an_adl_error(name):
    wrong = []
    for junk in JUNK:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                CALLS[name](junk)
            except adl.AdlError as error:
                if "\n" in str(error):
                    wrong.append((junk, "more than a line"))
            except Exception as error:
                wrong.append((junk, f"{type(error).__name__}: {error}"))
    assert not wrong
