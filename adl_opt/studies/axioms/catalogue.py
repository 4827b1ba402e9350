"""The axioms of THEORY 3 as executable checks on books of which one asset is closed: each says by how much a
policy breaks it, in words and numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.studies.axioms.cases import Choice, Probe, State
from adl_opt.waterfill.level import clipped_level, water_level

_TIE = 1e-9  # relative: leverages this close are one
_SMALL, _JUMP = 1e-9, 1e-3  # a change this small, relative, must not move this share of the requirement


Found = tuple[float, str] | None  # how badly, in contracts (or as a share of them), and in words


@dataclass(frozen=True)
class Axiom:
    """name; says: the promise in a sentence; draw: what to try in a State; breaks: (how badly, in words),
    None where it cannot be asked; least violation.
    """

    name: str
    says: str
    draw: Callable[[np.random.Generator, State], Choice]
    breaks: Callable[[Probe, State, Choice], Found]
    least: float = 1e-7  # share of the requirement


def _account(rng: np.random.Generator, s: State) -> Choice:
    return {"i": int(rng.integers(len(s.size)))}


def _two(rng: np.random.Generator, s: State) -> Choice:
    i, j = rng.choice(len(s.size), 2, replace=False)
    return {"i": int(min(i, j)), "j": int(max(i, j))}


def _part(rng: np.random.Generator, s: State) -> Choice:
    return {"part": float(rng.choice([0.5, 0.3, 0.9]))}


def nothing_drawn(rng: np.random.Generator, s: State) -> Choice:
    return {}


def _pieces(s: State, i: int) -> str:
    return f"{s.size[i]:.6g} on {s.equity[i]:.6g} and {s.size[-1]:.6g} on {s.equity[-1]:.6g}"


def lists(values: Array) -> str:
    return f"({', '.join(f'{v:.6g}' for v in values)})"


def proportional_split(x: Probe, s: State, c: Choice) -> Found:
    i, pieces = int(c["i"]), s.split(int(c["i"]), c["part"], c["part"], c["part"])
    before, after = x(s), x(pieces)
    own = after[i] + after[-1]
    others = np.delete(after[:-1] - before, i)
    said = f"account {i + 1} loses {before[i]:.6g}; split into {_pieces(pieces, i)} it loses {own:.6g}"
    return max(abs(own - before[i]), float(np.abs(others).max(initial=0.0))), said


def any_split(x: Probe, s: State, c: Choice) -> Found:
    i, pieces = int(c["i"]), s.split(int(c["i"]), c["size"], c["equity"], c.get("others", c["size"]))
    before, after = x(s)[i], x(pieces)
    own = after[i] + after[-1]
    return (
        before - own,
        f"account {i + 1} loses {before:.6g}; split into {_pieces(pieces, i)} it loses {own:.6g}",
    )


def merge(x: Probe, s: State, c: Choice) -> Found:
    i, j = int(c["i"]), int(c["j"])
    keep = [k for k in range(len(s.size)) if k != j]
    size = s.size[i] + s.size[j]
    one = s.put("size", i, size).put("equity", i, s.equity[i] + s.equity[j])
    if s.others is not None:
        one = one.put("others", i, s.others[i] + s.others[j])
    if s.entry is not None:  # profits add up
        one = one.put("entry", i, (s.size[i] * s.entry[i] + s.size[j] * s.entry[j]) / size)
    before, after = x(s), x(one.taken(keep, s.required))[i]
    own = before[i] + before[j]
    return own - after, f"accounts {i + 1} and {j + 1} lose {own:.6g}; merged they lose {after:.6g}"


def wash_trade(x: Probe, s: State, c: Choice) -> Found:
    if s.entry is None:
        return None
    before, after = x(s), x(s.put("entry", int(c["i"]), s.price))
    said = (
        f"they lose {lists(before)}; once account {int(c['i']) + 1} has closed and entered again at "
        f"{s.price:.6g}, {lists(after)}"
    )
    return float(np.abs(after - before).max()), said


def path_independence(x: Probe, s: State, c: Choice) -> Found:
    first = c["part"] * s.required
    at_once, one = x(s), x(replace(s, required=first))
    left = replace(s, size=s.size - one)
    two = one + x(left.taken(slice(None), s.required - first))
    said = f"at once they lose {lists(at_once)}; {first:.6g}, then {s.required - first:.6g}, {lists(two)}"
    return float(np.abs(two - at_once).max()), said


def scale_invariance(x: Probe, s: State, c: Choice) -> Found:
    by, which = c["by"], ("positions and equity", "equity and prices", "contracts")[int(c["which"])]
    entry = (
        None
        if s.entry is None
        else s.entry
        * (1 if which == "positions and equity" else by if which == "equity and prices" else 1 / by)
    )
    beside = None if s.others is None else s.others * by
    changes: dict[str, dict[str, Any]] = {
        "positions and equity": {"size": s.size * by, "equity": s.equity * by, "others": beside,
                                 "required": s.required * by},
        "equity and prices": {"equity": s.equity * by, "price": s.price * by,
                              "other_price": s.other_price * by},
        "contracts": {"size": s.size * by, "price": s.price / by, "required": s.required * by},
    }  # fmt: skip
    other = replace(s, entry=entry, **changes[which])
    before, after = x(s), x(other) / (1 if which == "equity and prices" else by)
    what = (
        f"with contracts of 1/{by:.6g} the size" if which == "contracts" else f"with {which} times {by:.6g}"
    )
    return float(
        np.abs(after - before).max()
    ), f"they lose {lists(before)}; {what}, in the same unit, {lists(after)}"


def monotone(x: Probe, s: State, c: Choice) -> Found:
    less, all_ = x(replace(s, required=c["part"] * s.required)), x(s)
    i = int(np.argmax(less - all_))
    said = (
        f"account {i + 1} loses {all_[i]:.6g}, but {less[i]:.6g} if only {c['part'] * s.required:.6g} is "
        "closed"
    )
    return float(less[i] - all_[i]), said


def symmetry(x: Probe, s: State, c: Choice) -> Found:
    order = np.arange(len(s.size))
    i, j = int(c["i"]), int(c["j"])
    order[[i, j]] = j, i
    before, after = x(s), x(s.taken(order, s.required))[order]
    said = (
        f"they lose {lists(before)}; with accounts {i + 1} and {j + 1} listed the other way round, "
        f"{lists(after)}"
    )
    return float(np.abs(after - before).max()), said


def continuity(x: Probe, s: State, c: Choice) -> Found:
    i, name = int(c["i"]), ("equity", "entry", "size")[int(c["which"])]
    if getattr(s, name) is None or (name == "size" and s.size[i] == 0):
        return None
    moved = s.put(name, i, getattr(s, name)[i] * (1 + _SMALL))
    before, after = x(s), x(moved)
    what = {"equity": "equity", "entry": "entry price", "size": "position"}[name]
    said = f"they lose {lists(before)}; with the {what} of account {i + 1} a billionth higher, {lists(after)}"
    return float(np.abs(after - before).max()), said


def more_margin(x: Probe, s: State, c: Choice) -> Found:
    i = int(c["i"])
    more = s.put("equity", i, s.equity[i] * c["by"])
    before, after = x(s)[i], x(more)[i]
    return float(
        after - before
    ), f"account {i + 1} loses {before:.6g}; with equity {more.equity[i]:.6g} it loses {after:.6g}"


def leverage_order(x: Probe, s: State, c: Choice) -> Found:
    closed = x(s)
    before, after = s.leverage(), s.leverage(closed)
    open_ = (closed < s.size * (1 - _TIE)) | (s.others is None)  # who can still be brought down
    higher = (before[:, None] > before[None, :] * (1 + _TIE)) & open_[None, :]
    reversed_ = np.where(higher, after[None, :] - after[:, None], -np.inf)
    i, j = np.unravel_index(int(np.argmax(reversed_)), reversed_.shape)
    if not higher.any():
        return None
    said = (
        f"leverages of accounts {i + 1} and {j + 1} go from {before[i]:.6g} and {before[j]:.6g} to "
        f"{after[i]:.6g} and {after[j]:.6g}"
    )
    return float(reversed_[i, j] / before.max() * s.required), said


def consistency(x: Probe, s: State, c: Choice) -> Found:
    i = int(c["i"])
    keep = [k for k in range(len(s.size)) if k != i]
    before = x(s)
    after = x(s.taken(keep, s.required - float(before[i])))
    said = (
        f"they lose {lists(before)}; without account {i + 1} and what it closes, the others lose "
        f"{lists(after)}"
    )
    return float(np.abs(after - before[keep]).max(initial=0.0)), said


def least_leverage(x: Probe, s: State, c: Choice) -> Found:
    closed, best = x(s), _level(s)
    highest, least, start = (float(s.leverage(some).max()) for some in (closed, best, 0.0))
    said = (
        f"they lose {lists(closed)} and the highest leverage left is {highest:.6g}; {least:.6g} is possible"
    )
    return (highest - least) / start * s.required, said


def _level(s: State) -> Array:
    """What levels the gross leverages, (n,) contracts, as far as what is not closed lets it."""
    if s.others is None:
        return water_level(s.size, s.equity / s.price, s.required)[1]
    low = np.abs(s.others) * s.other_price
    high = low + s.size * s.price
    left = clipped_level(low, high, s.equity, float(high.sum()) - s.required * s.price)[1]
    return (high - left) / s.price


def needs_no_law(x: Probe, s: State, c: Choice) -> Found:
    closed = x(s)
    return 0.0 if x.law is None else s.required, f"they lose {lists(closed)}, computed with {x.law!r}"


def _splitting(rng: np.random.Generator, s: State) -> Choice:
    other = {} if s.others is None else {"others": float(rng.choice([0.1, 0.5, 0.9]))}
    return (
        _account(rng, s)
        | other
        | {
            "size": round(float(rng.uniform(0.01, 0.99)), 2),
            "equity": float(rng.choice([0.01, 0.1, 0.5, 0.99])),
        }
    )


AXIOMS: tuple[Axiom, ...] = (
    Axiom("proportional split", "splitting an account in proportion changes nothing", lambda r,
    s: _account(r, s) | _part(r, s), proportional_split),
    Axiom("any split", "no way of splitting an account lowers what its owner closes", _splitting, any_split),
    Axiom("merge", "merging two accounts never lowers what their owner closes", _two, merge),
    Axiom("wash trade", "closing and entering again at the mark changes nothing", _account, wash_trade),
    Axiom("path independence", "closing in two steps is closing at once", _part, path_independence),
    Axiom("scale invariance", "units of contracts and money, and the size of the market, change nothing",
          lambda r, s: {"which": int(r.integers(3)), "by": float(r.choice([2.0, 8.0, 1024.0, 1 / 1024]))},
          scale_invariance),
    Axiom("monotone in the requirement", "if more must be closed, nobody closes less", _part, monotone),
    Axiom("symmetry", "the order of the accounts does not matter", _two, symmetry),
    Axiom("continuity", "a billionth more equity, entry price or position moves next to nothing",
          lambda r, s: _account(r, s) | {"which": int(r.integers(3))}, continuity, least=_JUMP),
    Axiom("more margin never hurts", "more equity never makes an account close more",
          lambda r, s: _account(r, s) | {"by": float(r.choice([1.1, 1.5, 3.0]))}, more_margin),
    Axiom("leverage order kept", "whoever has the higher leverage does not end below who can be closed more",
          nothing_drawn, leverage_order),
    Axiom("consistency", "without an account and what it closes, the others close the same", _account,
    consistency),
    Axiom("least maximal leverage", "no allocation leaves a lower highest leverage", nothing_drawn,
          least_leverage),
    Axiom("needs no law", "no model of price moves is used", nothing_drawn, needs_no_law),
)  # fmt: skip
