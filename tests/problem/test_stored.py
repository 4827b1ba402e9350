"""Allocations in files: what a file claims is not believed, what is damaged is an error."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

import adl_opt as adl
from tests.books import MOVES, SIX, count


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
        assert math.fsum(loaded.amount.tolist()) == 6.0 and c.value - c.bound <= c.tolerance * max(
            abs(c.value), c.floor
        )
    repr(loaded), loaded.to_frame(), loaded.by_account(), loaded.shadow_prices


def _places(content):
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from _places(content[key])
