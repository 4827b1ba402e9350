"""Accounts that hold both sides of an asset: a law sees the net, each leg has its slope (§3)."""

from collections.abc import Callable

import numpy as np

from adl_opt.arrays import Array, Index, Mask

Terms = Callable[[Array, Array, int], tuple[Array, ...]]  # notional (n, m), equity (n,), wanted -> terms


def repeats(asset: Index) -> Mask:
    """Accounts (n,) that hold an asset in more than one of their positions, asset (n, m)."""
    ordered = np.sort(asset, axis=1)
    return (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)


def on_nets(asset: Index, made: Callable[[Index], Terms]) -> Terms:
    """`made(asset)`, asked about the nets of accounts that hold both sides of an asset.

    asset (n, m). A net's slope and curvature are those of each of its legs.
    """
    if not repeats(asset).any():
        return made(asset)
    n, m = asset.shape
    first = np.argmax(asset[:, :, None] == asset[:, None, :], axis=2)
    own = first == np.arange(m)
    slot = np.take_along_axis(np.cumsum(own, axis=1) - 1, first, axis=1)
    count = own.sum(axis=1)
    parts = []
    for k in np.unique(count):
        rows = np.flatnonzero(count == k)
        kept = np.argsort(~own[rows], axis=1, kind="stable")[:, :k]
        parts.append((rows, int(k), slot[rows], made(np.take_along_axis(asset[rows], kept, axis=1))))

    def terms(notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        found = (np.zeros(n), np.zeros((n, m)), np.zeros((n, m, m)))[: 1 + wanted]
        for rows, k, of, answer in parts:
            each = np.arange(len(rows))[:, None]
            net = np.zeros((len(rows), k))
            np.add.at(net, (each, of), notional[rows])
            for total, part, at in zip(
                found,
                answer(net, equity[rows], wanted),
                ((), (each, of), (each[:, :, None], of[:, :, None], of[:, None, :])),
            ):
                total[rows] = part[at] if at else part
        return found

    return terms
