r"""One factor, requirements in several assets: level the factor leverages as far as clearing allows.

    minimize    sum_i c_i^2 / E_i,   c_i = v . (notional left of i)
    over        all closings that meet the requirement of every asset

Prices move by v times one factor. The factor leverages c_i / E_i of the minimiser are unique, and it is
optimal for every move of the factor, hence for every monotone risk and every law, for shorts, longs, or both,
and any signs of v. What a requirement in one asset promises (path independence, split-proofness) is lost with
several: the counterexamples are claims.

Source: Campbell et al. (2026), single factor; their clipped water-filling corrected by Thm 3 (it need not
clear).
"""

import numpy as np

import adl_opt as adl
from adl_opt.verification.one_factor import clears, every_law, every_move, program_agrees, the_test_tells

LOADING = {"BTC": 1.0, "ETH": 1.3, "SOL": 1.8}
PRICE = {"BTC": 60_000.0, "ETH": 2_000.0, "SOL": 150.0}


def event(n: int, seed: int) -> adl.Event:
    """n accounts with hedges in three coins; shorts of BTC and ETH and longs of SOL are closed."""
    rng = np.random.default_rng(seed)
    equity = 10 ** rng.uniform(3, 6, n)
    position = {k: 2 * rng.normal(size=n) * equity / PRICE[k] for k in LOADING}
    book = adl.examples.cross_book(position, PRICE, equity)
    return adl.Event(book, short={"BTC": "30%", "ETH": "30%"}, long={"SOL": "20%"})


@adl.value_by_hand("sum c^2 / E, c = v . left", "definition")
def value_by_hand(start, amount):
    return ((adl.examples.left(start, amount) @ [*LOADING.values()]) ** 2 / start.book.equity).sum()


ONE = {"A": 1.0, "B": 1.0}
EXAMPLE_A = adl.examples.coins([(10, 0), (8, 0), (0, 4), (0, 2)], (1, 1, 1, 1), A=4, B=3)
EXAMPLE_B = adl.examples.coins([(4, 0), (4, 4)], (1, 3), A=2, B=2)


def _closed(shorts, equity=(1, 1), A=2, B=0):
    return adl.factor_water_filling(adl.examples.coins(shorts, equity, A=A, B=B), ONE).amount


@adl.claim(source="our example A, with a choice in each asset", tolerance=1e-7)  # a linear program's accuracy
def targets_need_not_clear(model):
    """levelling each account's total first need not clear: it aims at 7 A and no B, the optimum closes 4 A
    and 3 B at levels 7 and 1.5"""
    yield abs(adl.factor_water_filling(EXAMPLE_A, ONE).amount - [3, 0, 1, 0, 0, 2.5, 0, 0.5])
    yield abs(adl.factor_targets(EXAMPLE_A, ONE)["closed"] - [7, 0])


@adl.claim(source="our example B")
def proportional_splitting_does_not_clear(model):
    """splitting met targets in proportion to positions need not clear either: (3, 1) instead of (2, 2)"""
    closed = adl.factor_water_filling(EXAMPLE_B, ONE).amount.reshape(2, 2)
    yield abs(closed - [(2, 0), (0, 2)])
    yield abs(closed.sum(axis=1) @ [(1.0, 0.0), (0.5, 0.5)] - [3, 1])


PAIR = [(4, 4), (4, 0)]
EXAMPLES = adl.claims(
    ("path_dependence", "path independence is lost: (2, 4) at once closes 1 A of account 1, first A then B "
     "closes 2", "our counterexample", 1e-9,
     lambda _: [abs(_closed(PAIR, B=4)[0] - 1), abs(_closed(PAIR)[0] - 2)]),
    ("more_required_less_closed", "so is monotonicity: with 4 B required beside 2 A, account 1 closes less "
     "A, 1 instead of 2", "our counterexample", 1e-9,
     lambda _: [abs(_closed(PAIR)[0] - 2), abs(_closed(PAIR, B=4)[0] - 1)]),
    ("splitting_helps", "split-proofness is lost: split in its two coins, an account closes 0 instead of 2",
     "our counterexample", 1e-9, lambda _: [abs(_closed([(5, 5), (8, 0)])[0] - 2),
     _closed([(5, 0), (0, 5), (8, 0)], (0.9, 0.1, 1.0))[:4].sum()]),
)  # fmt: skip

MODEL = adl.Model(
    name="factor",
    title="one factor, several assets: level factor leverage",
    source="Campbell et al. (2026), single factor; Thm 3",
    objective=adl.FactorLeverageSquare(),
    law=adl.OneFactor(LOADING, adl.Scenarios([-0.3, -0.1, 0.0, 0.1, 0.4])),
    event=event, closed_form=lambda start: adl.factor_water_filling(start, LOADING), sizes=(12, 200),
    claims=(
        every_move, every_law, value_by_hand, program_agrees, clears, targets_need_not_clear, the_test_tells,
        proportional_splitting_does_not_clear, *EXAMPLES,
    ),
)  # fmt: skip
