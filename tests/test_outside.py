"""What comes from outside: objectives with attributes of their own, tables, files, junk."""

import io
import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl

from .books import count, cross, isolated, scenarios
from .outside_cases import EVENT, LAW, Plain, keeping
from .tolerances import TOL


@pytest.mark.parametrize(
    "name", ["parts", "below", "flat", "ceiling", "nearby", "natural", "solver_scale", "dual", "of", "level"]
)
def test_an_attribute_of_ones_own_may_have_any_name_that_hides_nothing(name):
    """`dual` and `of` are methods of risk measures only."""
    own = keeping(Plain, **{name: 4.0})
    plain = adl.Problem(adl.ExpectedLoss(), EVENT, LAW).solve().certificate
    for objective in (own, own + adl.MaxLeverage(), 2 * own):
        assert adl.Problem(objective, EVENT, LAW).solve().certificate.certified
    assert adl.Problem(own, EVENT, LAW).solve().certificate.objective == pytest.approx(
        plain.objective, rel=TOL.value
    )
    assert adl.certify(own, EVENT, LAW, adl.water_filling(EVENT)).objective == plain.objective
    assert f"{own}" in adl.compare(EVENT, LAW, measures=[own]).columns


def test_the_field_below_of_oce_hides_nothing():
    """OCE(4, 0.5) in compare, certify and sums: its field `below` once hid a method."""
    oce = adl.OCE(4.0, 0.5)
    solved = adl.Problem(oce, EVENT, LAW).solve()
    assert solved.certificate.certified
    assert (
        adl.certify(oce, EVENT, LAW, solved).certified
        and adl.certify(oce + adl.MaxLeverage(), EVENT, LAW, solved).certified
    )
    table = adl.compare(EVENT, LAW, measures=[oce])
    assert table.loc["optimum of OCE(above=4.0, below=0.5)", "OCE(above=4.0, below=0.5) gap"] <= TOL.gap


BOOK = adl.Book.from_frame(
    pd.DataFrame(
        {
            "account": ["a", "b"],
            "asset": "K",
            "position": [-10.0, -10.0],
            "price": 100.0,
            "equity": [100.0, 400.0],
        }
    )
)
SIX = adl.Event(BOOK, short={"K": 6.0})
MOVES = adl.Scenarios(np.random.default_rng(5).normal(0, 0.3, (200, 1)).clip(-1))


def scaled(factor: float) -> pd.DataFrame:
    table = adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve().to_frame()
    return table.assign(closed=table["closed"] * factor)


@pytest.mark.parametrize("slip", [5e-10, -5e-10, 3e-12])
def test_a_small_slip_is_cleared_exactly_before_it_is_valued(slip):
    best = adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve().certificate
    c = adl.certify(adl.ExpectedLoss(), SIX, MOVES, scaled(1 + slip))
    assert c.certified and c.clearing_error == 0 and c.objective >= best.bound and c.bound <= c.objective
    assert c.proof.startswith(f"cleared exactly first: off by {abs(6 * slip):.3g} contracts; ")


@pytest.mark.parametrize("slip", [2e-9, -2e-9, 1e-6])
def test_a_larger_slip_is_infeasible(slip):
    c = adl.certify(adl.ExpectedLoss(), SIX, MOVES, scaled(1 + slip))
    assert (
        c.status == "infeasible"
        and c.bound is None
        and c.clearing_error == pytest.approx(abs(6 * slip), rel=1e-6)
    )


@pytest.mark.parametrize("slip", [9e-10, -9e-10, 1e-12, 1e-17])
@pytest.mark.parametrize("open_share", [3e-9, 1e-12])
def test_near_the_capacity_a_slip_is_measured_by_what_stays_open(slip, open_share):
    """Never an accusation of the objective: what stays open is smaller than the slip."""
    book = adl.Book.from_frame(
        pd.DataFrame({"account": ["x", "y"], "asset": "K", "position": -10.0, "price": 100.0, "equity": 1e-7})
    )
    event, law = adl.Event(book, short={"K": 20 * (1 - open_share)}), adl.Scenarios([0.5, -0.3])
    table = adl.water_filling(event).to_frame()
    c = adl.certify(adl.ExpectedLoss(), event, law, table.assign(closed=table["closed"] * (1 + slip)))
    assert c.status == ("infeasible" if abs(slip) > 1e-15 else "certified")


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(100))
@pytest.mark.parametrize("digits", [15, 16, 17])
def test_a_table_of_15_digits_comes_back_certified(seed, digits):
    """CSV and back: what rounding explains is cleared without a word, and nothing lies below the bound of the
    optimum.
    """
    rng = np.random.default_rng(seed)
    event = isolated(rng, decades=6) if seed % 2 else cross(rng)
    law = scenarios(rng, len(event.book.assets))
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    text = best.to_frame()[["account", "asset", "closed"]].to_csv(index=False, float_format=f"%.{digits}g")
    c = adl.certify(
        adl.ExpectedLoss(),
        event,
        law,
        pd.read_csv(io.StringIO(text), dtype={"account": str}, float_precision="round_trip"),
    )
    assert c.status == best.certificate.status == "certified" and c.clearing_error == 0
    assert "cleared" not in c.proof
    assert c.objective >= best.certificate.bound - TOL.rounding * abs(best.certificate.objective)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(200))
def test_no_certified_allocation_lies_below_the_bound(seed):
    """Slips of any size, shared among the legs in any way: certified or uncertified means cleared, and at or
    above the bound.
    """
    rng = np.random.default_rng(seed)
    event = cross(rng)
    law = scenarios(rng, len(event.book.assets))
    best = adl.Problem(adl.ExpectedLoss(), event, law).solve()
    table = best.to_frame()
    slip = 10 ** rng.uniform(-17, -6) * rng.normal(size=len(table)) * (rng.random(len(table)) < 0.5)
    c = adl.certify(adl.ExpectedLoss(), event, law, table.assign(closed=table["closed"] * (1 + slip)))
    if c.status != "infeasible":
        assert c.clearing_error == 0 and c.box_violation == 0
        assert c.objective >= best.certificate.bound - TOL.rounding * max(
            abs(best.certificate.bound), c.objective
        )


def test_a_policy_s_table_is_cleared_exactly_too():
    def policy(event):
        return scaled(1 + 5e-10)

    table = adl.compare(SIX, MOVES, policies=[policy])
    assert "policy" in table.index and "policy (infeasible)" not in table.index


@pytest.mark.parametrize(
    "tol", [0, -1.0, 1.0, 2, float("inf"), float("nan"), "x", None, True, 1j, [1e-6], 10**400]
)
def test_the_tolerance_is_checked_alike_in_certify_and_solve(tol):
    with pytest.raises(adl.SolveError, match="is a number above 0 and below 1") as one:
        adl.certify(adl.ExpectedLoss(), SIX, MOVES, adl.pro_rata(SIX), tol=tol)
    with pytest.raises(adl.SolveError) as other:
        adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve(tol=tol)
    assert str(one.value) == str(other.value)


@pytest.mark.parametrize(
    "closed",
    [
        [-6 + 5j],
        [1j],
        [True],
        [None],
        [np.nan],
        [np.inf],
        ["x"],
        ["1,000"],
        [[1.0]],
        [object()],
        [{}],
        [pd.NaT],
        [b"1"],
        pd.Series([10**400], dtype=object),
    ],
)
def test_sizes_that_are_no_real_numbers_are_refused(closed):
    table = pd.DataFrame({"account": ["a"], "asset": "K", "closed": pd.Series(closed)})
    with pytest.raises(
        adl.AllocationError, match=r"1 of 1 rows .* account 'a', asset 'K' closes no finite number"
    ):
        adl.certify(adl.ExpectedLoss(), SIX, MOVES, table)


@pytest.mark.parametrize(
    "closed", [["-6"], [np.longdouble(-6)], [np.float32(-6)], [np.int8(-6)], pd.Series([-6], dtype="Int64")]
)
def test_numbers_of_any_type_are_read(closed):
    table = pd.DataFrame({"account": ["b"], "asset": "K", "closed": pd.Series(closed)})
    c = adl.certify(adl.ExpectedLoss(), SIX, MOVES, table)
    assert c.status == "uncertified" and c.clearing_error == 0


def test_an_arrow_table_is_a_table():
    import pyarrow as pa

    table = pa.table({"account": ["b"], "asset": ["K"], "closed": [-6.0]})
    assert adl.certify(adl.ExpectedLoss(), SIX, MOVES, table).status == "uncertified"  # type: ignore[arg-type]


@pytest.fixture
def saved(tmp_path):
    """(the file, its allocation): certified."""
    solved = adl.Problem(adl.ExpectedLoss(), SIX, MOVES).solve()
    solved.save(tmp_path / "a.json")
    return tmp_path / "a.json", solved


def change(path, **fields):
    content = json.loads(path.read_text(encoding="utf-8"))
    content["certificate"].update(
        {name: value for name, value in fields.items() if name in content["certificate"]}
    )
    content.update({name: value for name, value in fields.items() if name in content})
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    "fields, status, words",
    [
        (
            {"amount": [-1.0, 99.0], "gap": 0.5, "bound": 1e9},
            "infeasible",
            "misses the requirement by 92 contracts",
        ),
        ({"amount": [1.0, 4.0]}, "infeasible", "misses the requirement by 1 contracts"),
        ({"amount": [-1.0, 7.0]}, "infeasible", "leaves its boxes by 0.1 of a position"),
        ({"bound": 1e9}, "uncertified", "its bound 1e.09 lies above its objective"),
        ({"bound": 0.0}, "uncertified", "leave a gap of 1"),
        ({"gap": 0.5}, "uncertified", "leave a gap of 0.5"),
        ({"status": "infeasible"}, "uncertified", "clears within its boxes, and nothing is proved"),
    ],
)
def test_a_file_that_claims_more_than_it_shows_is_not_believed(saved, fields, status, words):
    path, _ = saved
    change(path, **fields)
    with pytest.warns(adl.UncertifiedWarning, match=words):
        loaded = adl.Allocation.load(path)
    assert loaded.certificate.status == status and not loaded.certificate.certified
    assert (
        loaded.certificate.proof.startswith("recorded: ") and "; the file says " in loaded.certificate.proof
    )
    if status == "infeasible":
        assert loaded.certificate.bound is None and loaded.certificate.gap is None


def test_a_loaded_certificate_says_recorded_until_it_is_proved_again(saved, tmp_path):
    path, solved = saved
    loaded = adl.Allocation.load(path)
    assert loaded.certificate == replace(solved.certificate, proof=f"recorded: {solved.certificate.proof}")
    loaded.save(tmp_path / "b.json")
    assert adl.Allocation.load(tmp_path / "b.json").certificate == loaded.certificate
    again = adl.certify(adl.ExpectedLoss(), SIX, MOVES, loaded)
    assert again.certified and "recorded" not in again.proof


def test_a_recorded_clearing_error_is_measured_again(saved):
    path, _ = saved
    change(path, clearing_error=5.0, box_violation=3.0)
    c = adl.Allocation.load(path).certificate
    assert c.certified and c.clearing_error == 0 and c.box_violation == 0


def test_a_file_may_claim_less_than_it_shows(saved):
    path, _ = saved
    change(path, status="uncertified")
    assert adl.Allocation.load(path).certificate.status == "uncertified"


def test_infeasible_and_uncertified_allocations_are_stored_as_they_are(tmp_path):
    half = adl.pro_rata(SIX)
    odd = replace(
        half,
        amount=half.amount / 2,
        certificate=adl.certify(adl.ExpectedLoss(), SIX, MOVES, half.to_frame().iloc[:1]),
    )
    for name, allocation in (("half", replace(odd, amount=np.array([3.0, 0.0]))), ("pro rata", half)):
        allocation.save(tmp_path / f"{name}.json")
        c = adl.Allocation.load(tmp_path / f"{name}.json").certificate
        assert replace(c, proof="") == replace(allocation.certificate, proof="")


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", count(400))
def test_a_damaged_file_is_an_allocation_error(saved, seed):
    """One entry anywhere replaced by junk, or removed: refused in a sentence, or loaded without claiming more
    than before.
    """
    path, _ = saved
    rng = np.random.default_rng(seed)
    content = json.loads(path.read_text(encoding="utf-8"))
    places = list(_places(content))
    parent, key = places[rng.integers(len(places))]
    junk = [
        None,
        "x",
        -1,
        2**40,
        1e300,
        True,
        [],
        {},
        [[]],
        {"a": 1},
        "inf",
        0,
        10**400,
        [1.0, 2.0, 3.0],
        -0.5,
        "certified",
    ]
    if rng.random() < 0.2:
        del parent[key]
    else:
        parent[key] = junk[rng.integers(len(junk))]
    path.write_text(json.dumps(content), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", adl.UncertifiedWarning)
        try:
            loaded = adl.Allocation.load(path)
        except adl.AllocationError as error:
            assert "\n" not in str(error)
            return
    c = loaded.certificate
    if c.certified:
        assert math.fsum(loaded.amount.tolist()) == 6.0 and c.objective - c.bound <= c.tolerance * max(
            abs(c.objective), c.floor
        )
    repr(loaded), loaded.to_frame(), loaded.by_account(), loaded.shadow_prices


def _places(content):
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from _places(content[key])


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
