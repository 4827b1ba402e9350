"""The table fault x model (planted.py): no fault that touches a model goes unnoticed by its claims, and every
claim is failed by some fault.
"""

import pytest

import adl_opt as adl
from adl_opt import errors
from adl_opt.verification import catalog
from adl_opt.verification.model import OF_EVERY_MODEL, checked
from tests.books import FULL
from tests.planted import BLIND, FAULTS, named
from tests.verification.plant import Fault, noticed, planted

NAMES = catalog.names()
USED = [
    (fault, name)
    for fault in FAULTS
    for name in NAMES
    if fault.uses(adl.load(name)) and (fault.name, name) not in BLIND
]
ANYWHERE = [
    (fault, name) for fault in FAULTS if fault.whoever for name in NAMES if (fault.name, name) not in BLIND
]
KNOWN = {name for name in vars(errors) if name.endswith("Error")}


def _some(cells: list[tuple[Fault, str]]) -> list[tuple[Fault, str]]:
    """All of them behind `make fuzz`; else every fault once, each in another model, and value x 1.0001 in
    all.
    """
    if FULL:
        return cells
    chosen: dict[str, tuple[Fault, str]] = {}
    for number, fault in enumerate(FAULTS):
        mine = [cell for cell in cells if cell[0] is fault]
        if mine:
            chosen[fault.name] = mine[number % len(mine)]
    return list(chosen.values()) + [
        cell for cell in cells if cell[0] is FAULTS[0] and cell not in chosen.values()
    ]


@pytest.mark.parametrize(
    ("fault", "name"), [pytest.param(*cell, id=f"{cell[0].name}-{cell[1]}") for cell in _some(USED)]
)
def test_a_fault_is_noticed(fault, name):
    """By a violation, or by an error of the package itself; never by an exception of Python's, which would be
    a fault of the fault.
    """
    _, found = noticed(fault, name)
    assert found, "a hole"
    assert (
        found[0].violation > found[0].claim.tolerance
        or found[0].trouble.split(":")[0] in KNOWN
        or found[0].claim.fails
    )


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("fault", "name"),
    [pytest.param(*cell, id=f"{cell[0].name}-{cell[1]}") for cell in (ANYWHERE if FULL else ANYWHERE[::17])],
)
def test_a_fault_that_answers_a_claim_is_noticed(fault, name):
    touched, found = noticed(fault, name)
    assert found or not touched, "a hole"


@pytest.mark.parametrize(("fault", "name"), list(BLIND) if FULL else list(BLIND)[::3])
def test_what_cannot_be_seen_is_not_seen(fault, name):
    """The day it is, the exemption goes."""
    one = next(one for one in FAULTS if one.name == fault)
    touched, found = noticed(one, name)
    assert touched and not found


def test_a_hole_is_seen():
    """The table itself can fail: a fault that changes nothing touches every model and is noticed by none."""
    idle = Fault("nothing", lambda plant: None, named("minimax_leverage"))
    assert noticed(idle, "minimax_leverage") == (True, [])


def failing(name: str) -> dict[str, str]:
    """Which fault fails each claim of a model, own and common; claims that none fails are left out."""
    left = {claim.name for claim in (*adl.load(name).claims, *OF_EVERY_MODEL)}
    found: dict[str, str] = {}
    for fault in FAULTS:
        if not left:
            break
        if fault.uses(adl.load(name)) or fault.whoever:
            with planted(fault, name) as (model, _):
                for claim in (*model.claims, *OF_EVERY_MODEL):
                    verdict = checked(model, claim) if claim.name in left else None
                    if verdict is not None and not verdict.as_stated:
                        found[claim.name] = fault.name
                        left.discard(claim.name)
    return found


@pytest.mark.fuzz
@pytest.mark.parametrize("name", NAMES if FULL else ["minimax_leverage", "worst_case"])
def test_every_claim_can_fail(name):
    missing = {claim.name for claim in adl.load(name).claims} - set(failing(name))
    assert not missing
