"""Where water-filling inside groups stops to be optimal: four counterexamples, as claims (THEORY 11.3)."""

from typing import Any

import numpy as np

from adl_opt import examples
from adl_opt.constraints.group_share import GroupShare
from adl_opt.data.event import Event
from adl_opt.objectives.leverage import LeverageSquare
from adl_opt.problem.problem import Problem
from adl_opt.verification.claims import claims


def _apart(event: Event, moves: list[Any], most: list[Any]) -> float:
    """By how much the least of the losses' sum is above the sum of the least: 0 if one allocation is both."""
    least = [examples.least_loss(event, [move], 0.0, most) for move in moves]
    return examples.least_loss(event, moves, 0.0, most) - sum(least)


WEIGHTED = examples.shorts([5, 2, 1], [1, 1, 3], 2)
CROSSING = examples.shorts([8, 8, 7, 1], [3, 1, 2, 3], 7)
OVERLAP = {"left": ["a0", "a1"], "right": ["a1", "a2"]}
PAIR = examples.shorts([10, 100], [1, 20], 9)
TWO = examples.coins([(10, 0), (10, 0), (0, 10), (0, 10)], (1, 9, 1, 9), A=4, B=4)
IN_BOTH = [1, 0, 0, 0, 0, 1, 0, 0]  # the first account of each asset, as coins lists legs


def _crossing(_: Any) -> list[Any]:
    closed = Problem(
        LeverageSquare(), CROSSING, subject_to=[GroupShare(OVERLAP, 5 / 7)]
    ).solve().amount  # fmt: skip
    rows = [([1, 1, 0, 0], 5.0), ([0, 1, 1, 0], 5.0)]
    mine = examples.losses(CROSSING, closed, np.array([3.0])).sum()
    return [abs(mine - 43.15) > 0.01, abs(examples.least_loss(CROSSING, [3.0], 0.0, rows) - 42)]


def _pair(move: float) -> list[float]:
    return [examples.losses(PAIR, np.array(x), np.array([move])).sum() for x in ([9.0, 0.0], [0.0, 9.0])]


COUNTEREXAMPLES = claims(
    ("weighted_sums_break_it", "2 x1 + x2 <= 2: moves of 1/2 and 3 want other closings, 2.5 apart",
     "our counterexample", 1e-9,
     lambda _: [abs(examples.least_loss(WEIGHTED, [3.0], 0.0, [([2, 1, 0], 2.0)]) - 13.5),
                _apart(WEIGHTED, [0.5, 3.0], [([2, 1, 0], 2.0)]) < 0.1]),
    ("crossing_groups_break_it", "the optimum of sum y^2 / E loses 43.15 at a move of 3, the least is 42",
     "our counterexample", 1e-7, _crossing),
    ("a_share_over_two_assets_breaks_it", "each asset's move wants the share whole", "our counterexample",
     1e-9, lambda _: _apart(TWO, [[0.5, 0.0], [0.0, 0.5]], [(IN_BOTH, 4.0)]) < 0.1),
    ("one_account_only_breaks_it", "one account alone is closed: at 0.15 the first (0, 0.5), at 0.25 the "
     "second (5, 4.25)", "our counterexample", 1e-12,
     lambda _: [np.subtract(_pair(0.15), (0, 0.5)), np.subtract(_pair(0.25), (5, 4.25))]),
)  # fmt: skip
