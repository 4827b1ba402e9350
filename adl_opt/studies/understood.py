"""What was understood of a book's file, and what it lacks for which question, in words."""

from __future__ import annotations

import numpy as np

from adl_opt.data.book import Book
from adl_opt.errors import AdlError
from adl_opt.policies.exchanges import PRESETS
from adl_opt.policies.standing import queues
from adl_opt.text import clipped, counted, figure, several

_SHOWN = 6  # assets in a line
_KEPT = ("entry_price", "margin", "initial_margin", "maintenance_margin", "profit_ratio", "realized_closed")


def understood(book: Book) -> list[tuple[str, str]]:
    """Facts (what, in words): accounts, sides, units, margin, columns kept and not, insolvent accounts, which
    presets can rank the book and what the others lack.
    """
    broke = book.equity <= 0
    first = clipped(str(book.accounts[int(np.argmax(broke))])) if broke.any() else ""
    facts = [
        ("read", "; ".join(book.said) or "plain columns: account, asset, position, price, equity"),
        ("accounts", f"{len(broke):,} with {counted(len(book.position), 'position')}"),
        ("money", f"{book.currency}; positions in contracts, long > 0"),
        ("margin", _margin(book)),
        *(("sides", line) for line in _sides(book)),
        ("columns kept", ", ".join(name for name in book.extra) or "none of " + ", ".join(_KEPT)),
    ]
    if book.unused:
        facts.append(("not used", f"{', '.join(book.unused)}: rules that rank by it refuse the book"))
    if broke.any():
        owed = figure(-float(book.equity[broke].sum()))
        said = f"{counted(int(broke.sum()), 'account')}, owing {owed} {book.currency} in all, first {first!r}"
        facts.append(("insolvent", f"{said}: an event needs --solvent, which leaves them out"))
    return [*facts, *_missing(book, broke.all())]


def _margin(book: Book) -> str:
    key = book.account.astype(np.int64) * len(book.assets) + book.asset
    held = book.position != 0
    legs, both = np.unique(key[held], return_counts=True)
    hedged = len(np.unique(legs[both > 1] // len(book.assets)))
    mode = "isolated: no account has several positions" if book.isolated else "cross: positions share equity"
    return mode + (f"; {counted(hedged, 'account')} in hedge mode, both sides of an asset" if hedged else "")


def _sides(book: Book) -> list[str]:
    """Longs and shorts of the first assets, a line each."""
    lines = []
    for k, asset in enumerate(book.assets[:_SHOWN]):
        size = book.position[book.legs_of[k]]
        longs, shorts = size[size > 0], size[size < 0]
        kind = " (inverse contracts)" if book.inverse[k] else ""
        held = f"{len(longs):,} long {figure(float(longs.sum()))}, "
        held += f"{len(shorts):,} short {figure(0.0 - float(shorts.sum()))} contracts"
        lines.append(f"{clipped(asset)}{kind}: {held} at {figure(float(book.quoted[k]))}")
    more = len(book.assets) - len(lines)
    return [*lines, f"and {more:,} more assets"] if more > 0 else lines


def _missing(book: Book, nobody: bool) -> list[tuple[str, str]]:
    """Which rules can rank the solvent accounts, what the others lack, and what the data say was closed."""
    if nobody:
        return [("rules", "no account is solvent: there is nobody to rank")]
    facts, why = list[tuple[str, str]](), dict[str, list[str]]()
    events = list(queues(book.solvent()))
    for rule in PRESETS:
        try:
            for event in events:
                rule.places(event)
        except AdlError as error:
            why.setdefault(str(error).replace(f"{rule.name} ", "", 1), []).append(rule.name)
    bad = {name for names in why.values() for name in names}
    able = [rule.name for rule in PRESETS if rule.name not in bad]
    facts.append(("rules that can rank it", ", ".join(able) or "none"))
    facts += [("cannot", f"{several(names)}: {reason}") for reason, names in why.items()]
    closed = "realized_closed" in book.extra
    said = "has realized_closed: identify and compare --realized can be asked"
    facts.append(("identify", said if closed else "needs the column realized_closed (contracts, signed)"))
    return facts
