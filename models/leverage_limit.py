r"""A limit on leverage, and shares of groups: water-filling between both ends stays optimal for every law.

    minimize    E sum_i (R p (q_i - x_i) - E_i)_+   over   sum_i x_i = Q,  0 <= x_i <= q_i
    subject to  p (q_i - x_i) / E_i <= u_i

In isolated margin the limit is a lower end on what is closed, x_i >= q_i - u_i E_i / p, and what stays of
each position is clip(level x E_i, lowest, highest): the proof of Thm 1 with both ends, move by move. So it
is under caps on what nested or disjoint groups of one asset close together (a base polytope, differences of
which are sums of feasible exchanges). Weighted sums, crossing groups, shares over two assets and counts of
accounts break it: the counterexamples are claims.

Source: Thm 1 with any boxes and group shares, THEORY 11.3.
"""

import numpy as np

import adl_opt as adl

LAW = adl.Gaussian({"BTC": {"BTC": 0.3**2}}).sample(256, seed=1)
MOVES = (0.1, 0.25, 0.5, 1.0, 3.0)


def limit(event: adl.Event) -> dict[str, float]:
    """Of every third account the leverage that water-filling leaves if a tenth more is closed."""
    sides = {"short": event.short, "long": event.long}
    more = {side: {a: min(1.1 * q, event.capacity[a]) for a, q in of.items()} for side, of in sides.items()}
    after = adl.water_filling(event.with_requirement(**more)).leverages()[1]
    return {str(a): float(x) for a, x in list(zip(event.book.accounts, after))[::3] if x > 0}


def subject_to(event: adl.Event) -> list[adl.Constraint]:
    return [adl.LeverageAtMost(limit(event))]


def closed_form(event: adl.Event) -> adl.Allocation:
    """Water-filling between both ends: without a law only what is optimal for every law is solved."""
    return adl.Problem(adl.ExpectedLoss(), event, subject_to=subject_to(event)).solve(method="closed-form")


@adl.claim(source="Thm 1 with any boxes", seeds=5)
def least_in_every_move(model, event):
    """no allocation that holds the limits loses less in any move (a linear program each, relative)"""
    book, most = event.book, limit(event)
    kept = np.array([most.get(str(a), np.inf) for a in book.accounts]) * book.equity / book.price[0]
    low, closed = np.maximum(event.size - kept, 0.0), model.policy(event).amount
    for move in MOVES:
        mine = adl.examples.losses(event, closed, np.array([move])).sum()
        yield (mine - adl.examples.least_loss(event, [move], low)) / book.equity.sum()


def _groups(event: adl.Event) -> dict[str, list[str]]:
    names = [str(a) for a in event.book.accounts]
    return {"half": names[::2], "quarter": names[::4], "odd": names[1:6:2]}


@adl.claim(source="base polytopes", seeds=5)
def shares_of_groups_are_least_in_every_move(model, event):
    """nor under shares of nested and disjoint groups of one asset: level inside each (relative)"""
    free = adl.water_filling(event).amount
    inside = {g: np.isin(event.book.accounts, ids) for g, ids in _groups(event).items()}
    share = {g: 0.85 * float(free[i].sum() / free.sum()) for g, i in inside.items()}
    limits = [adl.GroupShare(_groups(event), share)]
    closed = adl.Problem(adl.ExpectedLoss(), event, subject_to=limits).solve(method="closed-form").amount
    most = [(i.astype(float), share[g] * event.required[0]) for g, i in inside.items()]
    for move in MOVES:
        mine = adl.examples.losses(event, closed, np.array([move])).sum()
        yield (mine - adl.examples.least_loss(event, [move], 0.0, most)) / event.book.equity.sum()


@adl.claim(source="THEORY 11.3", seeds=3, tolerance=1e-5)
def the_least_limit_is_water_fillings_highest(model, event):
    """leverage <= u is possible exactly for u >= water-filling's highest leverage, which is told"""
    highest = adl.water_filling(event).leverages()[1].max()
    try:
        adl.Problem(model.objective, event, model.law, subject_to=[adl.LeverageAtMost(0.9 * highest)]).solve()
    except adl.InfeasibleError as error:
        told = float(str(error).split("the least that is possible is LeverageAtMost(")[1].split(")")[0])
        return abs(told / highest - 1)
    return 1.0


def _apart(event: adl.Event, moves: list, most: list) -> float:
    """By how much the least of the losses' sum is above the sum of the least: 0 if one allocation is both."""
    least = [adl.examples.least_loss(event, [move], 0.0, most) for move in moves]
    return adl.examples.least_loss(event, moves, 0.0, most) - sum(least)


WEIGHTED = adl.examples.shorts([5, 2, 1], [1, 1, 3], 2)
CROSSING = adl.examples.shorts([8, 8, 7, 1], [3, 1, 2, 3], 7)
OVERLAP = {"left": ["a0", "a1"], "right": ["a1", "a2"]}
PAIR = adl.examples.shorts([10, 100], [1, 20], 9)
TWO = adl.examples.coins([(10, 0), (10, 0), (0, 10), (0, 10)], (1, 9, 1, 9), A=4, B=4)
IN_BOTH = [1, 0, 0, 0, 0, 1, 0, 0]  # the first account of each asset, as coins lists legs


def _crossing(_):
    closed = adl.Problem(
        adl.LeverageSquare(), CROSSING, subject_to=[adl.GroupShare(OVERLAP, 5 / 7)]
    ).solve().amount  # fmt: skip
    rows = [([1, 1, 0, 0], 5.0), ([0, 1, 1, 0], 5.0)]
    mine = adl.examples.losses(CROSSING, closed, np.array([3.0])).sum()
    return [abs(mine - 43.15) > 0.01, abs(adl.examples.least_loss(CROSSING, [3.0], 0.0, rows) - 42)]


def _pair(move):
    return [adl.examples.losses(PAIR, np.array(x), np.array([move])).sum() for x in ([9.0, 0.0], [0.0, 9.0])]


COUNTEREXAMPLES = adl.claims(
    ("weighted_sums_break_it", "2 x1 + x2 <= 2: moves of 1/2 and 3 want other closings, 2.5 apart",
     "our counterexample", 1e-9,
     lambda _: [abs(adl.examples.least_loss(WEIGHTED, [3.0], 0.0, [([2, 1, 0], 2.0)]) - 13.5),
                _apart(WEIGHTED, [0.5, 3.0], [([2, 1, 0], 2.0)]) < 0.1]),
    ("crossing_groups_break_it", "the optimum of sum y^2 / E loses 43.15 at a move of 3, the least is 42",
     "our counterexample", 1e-7, _crossing),
    ("a_share_over_two_assets_breaks_it", "each asset's move wants the share whole", "our counterexample",
     1e-9, lambda _: _apart(TWO, [[0.5, 0.0], [0.0, 0.5]], [(IN_BOTH, 4.0)]) < 0.1),
    ("one_account_only_breaks_it", "one account alone is closed: at 0.15 the first (0, 0.5), at 0.25 the "
     "second (5, 4.25)", "our counterexample", 1e-12,
     lambda _: [np.subtract(_pair(0.15), (0, 0.5)), np.subtract(_pair(0.25), (5, 4.25))]),
)  # fmt: skip


@adl.value_by_hand("the mean of the losses beyond equity", "definition")
def value_by_hand(start, amount):
    return adl.examples.losses(start, amount, LAW.moves[:, 0]).mean()


MODEL = adl.Model(
    name="leverage_limit",
    title="a limit on leverage: water-filling between both ends, for every law",
    source="Thm 1 with any boxes; THEORY 11.3",
    objective=adl.ExpectedLoss(), law=LAW, subject_to=subject_to, closed_form=closed_form, sizes=(20, 500),
    event=lambda n, seed: adl.examples.random_shorts(n, seed, share=0.3, leverage=5.0),
    claims=(
        least_in_every_move, shares_of_groups_are_least_in_every_move, adl.serves_every_law(),
        the_least_limit_is_water_fillings_highest, *COUNTEREXAMPLES, value_by_hand, adl.methods_agree(),
    ),
)  # fmt: skip
