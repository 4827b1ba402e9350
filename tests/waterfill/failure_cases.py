"""Failure cases of the water level."""

import numpy as np

import adl_opt as adl
from adl_opt import waterfill
from adl_opt.waterfill import level
from tests.failures import EVENT, PAPER, Case

CASES = [
    Case("a policy takes an Event, not Book", lambda _: adl.water_filling(EVENT.book), adl.EventError),
    Case(
        "4 of 4 accounts hold more than one position, first 'A' with 2",
        lambda _: adl.water_filling(PAPER),
        adl.EventError,
    ),
    Case(
        "must lie between 0 and the capacity 3.0",
        lambda _: waterfill.water_level(np.array([3.0]), np.array([1.0]), 4.0),
        adl.EventError,
    ),
    Case(
        "1 of 2 entries of equity are not finite and positive, first number 2: 0",
        lambda _: waterfill.water_level([3.0, 1.0], [1.0, 0.0], 1.0),
        adl.EventError,
    ),
    Case("arrays of one length", lambda _: waterfill.water_level([3.0, 1.0], [1.0], 1.0), adl.EventError),
    Case(
        "cap must hold the most",
        lambda _: waterfill.water_level([3.0, 1.0], [1.0, 1.0], 1.0, [4.0, 1.0]),
        adl.EventError,
    ),
    Case(
        r"size must be an array of numbers, not .\[True\]",
        lambda _: adl.waterfill.water_level([True], [1.0], 0.5),
        adl.EventError,
    ),
    Case(
        "required must be a number, not 'True'",
        lambda _: adl.waterfill.water_level([1.0], [1.0], True),
        adl.EventError,
    ),
    Case(
        r"1 of 2 entries of size are above 1e\+150 or below 1e-150, first number 2: 1e\+200",
        lambda _: adl.waterfill.water_level([1.0, 1e200], [1.0, 1.0], 1.0),
    ),
    Case(
        r"1 of 2 entries of size / equity .* first number 1: 1e\+200",
        lambda _: adl.waterfill.water_level([1.0, 1.0], [1e-200, 1.0], 1.0),
    ),
    Case(
        "no water level is found for the requirement 1.5: leverages go up to inf, of entry number 1",
        lambda _: level.filled(np.ones(1_000), np.where(np.arange(1_000) == 0, 1e-310, 1.0), 1.5),
    ),
    Case("size must be an array of numbers, not 'x'", lambda _: adl.waterfill.water_level("x", [1.0], 1.0)),
    Case("size must be an array of numbers", lambda _: adl.waterfill.water_level([[1], [1, 2]], [1.0], 1.0)),
    Case("required must be a number, not", lambda _: adl.waterfill.water_level([1.0], [1.0], [1.0])),
]
