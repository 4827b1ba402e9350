"""Small books on which axioms are tried: known instances, random and degenerate ones, on both sides, in
isolated and in cross margin; a policy as a function of them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.errors import AdlError
from adl_opt.policies.base import Policy, applied
from adl_opt.policies.registry import policy as policy_by_name

Choice = dict[str, float]  # which account (i, j) and which numbers an axiom is tried with


@dataclass(frozen=True, eq=False)
class State:
    """Accounts short `size` (n,) contracts (long, if `side` is 1) on `equity` (n,), entered at `entry` (n,)
    or unknown, at one price; `required` contracts are to be closed. In cross margin they also hold `others`
    (n,) contracts, long > 0, of an asset Y at `other_price`, of which nothing is closed.
    """

    size: Array
    equity: Array
    entry: Array | None
    price: float
    required: float
    side: int = -1
    others: Array | None = None
    other_price: float = 1.0

    def event(self) -> Event:
        n, d = len(self.size), 1 if self.others is None else 2
        each = np.arange(n, dtype=np.int32)
        names = np.array([f"a{i + 1}" for i in range(n)], dtype=object)
        held = [self.side * self.size, *([] if self.others is None else [self.others])]
        price = np.array([self.price, self.other_price][:d])
        entered = [self.entry, np.full(n, self.other_price)][:d]  # what is not closed has no profit
        extra = {} if self.entry is None else {"entry_price": np.stack(entered, axis=1).ravel()}
        asset = np.tile(np.arange(d, dtype=np.int32), n)
        book = Book(
            names, ("X", "Y")[:d], price, self.equity, np.repeat(each, d), asset,
            np.stack(held, axis=1).ravel(), extra,
        )  # fmt: skip
        required = {"X": min(self.required, math.fsum(self.size))}  # a sum may lie above the capacity
        return Event(book, short=required) if self.side < 0 else Event(book, long=required)

    def leverage(self, closed: Array | float = 0.0) -> Array:
        """Gross leverages (n,), x of equity, once these contracts (n,) are closed."""
        beside = 0.0 if self.others is None else np.abs(self.others) * self.other_price
        return ((self.size - closed) * self.price + beside) / self.equity

    def mirrored(self) -> "State":
        """The same on the other side, with gains where gains were."""
        entry = None if self.entry is None else self.price * (self.price / self.entry)
        others = None if self.others is None else -self.others
        return replace(self, side=-self.side, entry=entry, others=others)

    def taken(self, rows: Any, required: float) -> "State":
        """The accounts `rows`, closing at most what they have."""
        size = self.size[rows]
        entry = None if self.entry is None else self.entry[rows]
        others = None if self.others is None else self.others[rows]
        most = min(max(required, 0.0), float(size.sum()))
        return replace(self, size=size, equity=self.equity[rows], entry=entry, required=most, others=others)

    def put(self, name: str, i: int, value: float) -> "State":
        values = getattr(self, name).copy()
        values[i] = value
        return replace(self, **{name: values})

    def split(self, i: int, size: float, equity: float, others: float) -> "State":
        """Account i keeps these shares of its size, equity and others; the rest opens a new account, the
        last.
        """
        more = self.taken([*range(len(self.size)), i], self.required)
        shares = (("size", size), ("equity", equity), ("others", others))
        for name, share in shares if self.others is not None else shares[:2]:
            own = getattr(self, name)[i]
            more = more.put(name, i, share * own).put(name, -1, (1 - share) * own)
        return more

    def __str__(self) -> str:
        def listed(values: Array) -> str:
            texts = [f"{v:.6g}" for v in values]
            return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)

        many = "1 account" if len(self.size) == 1 else f"{len(self.size)} accounts"
        entered = "" if self.entry is None else f", entered at {listed(self.entry)}"
        beside = "" if self.others is None else f" beside {listed(self.others)} at {self.other_price:.6g}"
        return (
            f"{many} {'short' if self.side < 0 else 'long'} {listed(self.size)}{beside} on equity "
            f"{listed(self.equity)}{entered}, price {self.price:.6g}, close {self.required:.6g}"
        )


class Probe:
    """A policy as a function of a State: what each account closes, (n,) contracts.

    Raises AdlError for a policy that is none.
    """

    def __init__(self, policy: Policy | str) -> None:
        if isinstance(policy, str):
            policy = policy_by_name(policy)
        if not callable(policy):
            raise AdlError(
                "a policy is a function Event -> Allocation, such as adl.pro_rata, not "
                f"{type(policy).__name__}"
            )
        self.policy, self.law = policy, None

    def __call__(self, state: State) -> Array:
        allocation = applied(self.policy, state.event())
        if allocation.certificate.status == "infeasible":
            raise AdlError(f"the policy does not clear where {state}: it {allocation.certificate.proof}")
        self.law = allocation.law
        return allocation.amount if state.others is None else allocation.amount[::2]


def random_state(rng: np.random.Generator, n: int) -> State:
    """A small book in numbers of three digits; two of three are degenerate: identical accounts, one leverage,
    one profit, no profit, only losers.
    """
    kind = rng.choice(["any", "any", "identical", "one leverage", "one return", "no profit", "losers"])
    size, leverage = rng.lognormal(2, 1, n), rng.lognormal(1.5, 0.8, n)
    gain = rng.normal(0.1, 0.3, n) * rng.choice([1.0, 0.1])
    if kind == "identical":
        size[1:], leverage[1:], gain[1:] = size[0], leverage[0], gain[0]
    if kind in ("one leverage", "no profit"):
        leverage[:] = leverage[0]
    if kind == "one return":
        gain[:] = abs(gain[0])
    gain = 0 * gain if kind == "no profit" else -np.abs(gain) if kind == "losers" else gain
    price = float(rng.choice([1.0, 1.0, 1.0, 4.0, 250.0]))
    size = np.array([float(f"{v:.3g}") for v in size])
    equity = np.array([float(f"{v:.3g}") for v in size * price / leverage])
    entry = np.array([float(f"{v:.4g}") for v in price * (1 + np.maximum(gain, -0.8))])
    part = rng.choice([0.03, 0.2, 0.5, 0.8, 0.97])
    required = float(
        rng.choice(
            [size[0], float(f"{part * size.sum():.3g}"), float(f"{part * size.sum():.3g}"), size.sum()]
        )
    )
    return State(size, equity, entry, price, min(required, float(size.sum())))


def in_cross_margin(rng: np.random.Generator, state: State) -> State:
    """The same accounts with positions in another asset: hedges, perfect ones, more of the same, none."""
    share = rng.choice([-1.0, -1.0, -0.5, 0.5, 2.0, 0.0], len(state.size)) * rng.choice([1.0, 0.83])
    share[0] = share[0] or -1.0
    others = np.array([float(f"{v:.3g}") for v in state.side * share * state.size * state.price])
    return replace(state, others=others)


def _state(size: Any, equity: Any, required: float, entry: Any = None) -> State:
    size = np.array(size, float)
    return State(
        size,
        np.array(equity, float),
        np.full(len(size), 2.0) if entry is None else np.array(entry, float),
        1.0,
        required,
    )


SEEDS: dict[str, tuple[tuple[State, Choice], ...]] = {  # the instances n1 to n17 of THEORY 3
    "proportional split": (
        (_state([10, 10], [1, 1], 10), {"i": 0, "part": 0.5}),  # n9, n12
    ),
    "any split": (
        (_state([10, 10], [1, 1], 10), {"i": 0, "size": 0.99, "equity": 0.01}),  # n3
        (_state([10, 10], [1, 2], 10), {"i": 0, "size": 0.51, "equity": 0.01}),  # n13
    ),
    "merge": (
        (_state([10, 10, 10], [1, 9, 2], 5), {"i": 0, "j": 1}),  # n1
        (_state([10, 10, 10], [1, 9, 2], 5, [1, 1, 1]), {"i": 0, "j": 1}),  # n1 with no profit
        (_state([1, 1, 2], [1, 1, 1], 1.5), {"i": 0, "j": 1}),  # n10
        (_state([10, 10, 10], [9, 9, 9], 6, [2, 0.5, 2]), {"i": 0, "j": 1}),  # n17: profit and loss
    ),
    "wash trade": (
        (_state([10, 10], [1, 1], 6, [3, 2]), {"i": 0}),  # n5
        (_state([10, 10], [1, 2], 10, [4, 2]), {"i": 0}),  # n14
        (_state([10, 10], [1, 1.5], 10), {"i": 0}),  # n14'
    ),
    "path independence": (
        (_state([10, 10], [1, 1], 6, [3, 2]), {"part": 0.5}),  # n6
        (_state([10, 10], [1, 1.25], 10), {"part": 0.5}),  # n15
    ),
    "symmetry": ((_state([10, 10], [1, 1], 10), {"i": 0, "j": 1}),),  # n12
    "continuity": (
        (_state([10, 10], [1, 1], 10), {"i": 0, "which": 0}),  # n16
        (_state([10, 10], [1, 1], 10, [1, 1]), {"i": 0, "which": 1}),  # n7
    ),
    "more margin never hurts": ((_state([10, 10], [1, 1], 10), {"i": 0, "by": 1.5}),),  # n4
    "leverage order kept": (
        (_state([10, 10], [1, 1.1], 9, [2, 1.1]), {}),  # n8
        (_state([10, 100], [1, 10.5], 10), {}),  # n11
        (_state([10, 10], [1, 1.25], 10), {}),  # n15
    ),
    "least maximal leverage": (
        (_state([10, 10], [1, 2], 6, [2, 1.5]), {}),
        (_state([10, 10], [1, 1.25], 10), {}),
    ),  # n2, n15
}
