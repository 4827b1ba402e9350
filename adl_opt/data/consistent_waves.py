"""Waves whose rows agree: nothing twice, one price and one equity at a time, no more closed than was held
(§5, §9).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.errors import BookError


def check_waves(waves: Any) -> None:
    """Raise BookError where rows of Waves repeat or contradict one another."""
    n, d = len(waves.accounts), len(waves.assets)
    leg = (waves.wave * n + waves.account) * d + waves.asset
    order = np.argsort(leg, kind="stable")
    again = order[1:][np.diff(leg[order]) == 0]
    _refuse(waves, again, "repeat a wave, account and asset", lambda j: "add them up or remove one (§9)")
    _refuse(
        waves,
        np.flatnonzero(waves.price <= 0),
        "have no positive price",
        lambda j: f"{waves.price[j]:.6g} (§9)",
    )
    _one(waves, waves.wave * d + waves.asset, waves.price, "price", "asset")
    _one(waves, waves.wave * n + waves.account, waves.equity, "equity", "account")
    against = np.flatnonzero(waves.realized * np.sign(waves.position) < 0)
    _refuse(
        waves,
        against,
        "close against their position",
        lambda j: (
            f"{waves.realized[j]:.9g} closed of {waves.position[j]:.9g}; "
            "realized_closed is signed like the position (§1)"
        ),
    )
    beyond = np.flatnonzero(np.abs(waves.realized) > np.abs(waves.position))
    _refuse(
        waves,
        beyond,
        "close more than was held",
        lambda j: f"{float(waves.realized[j])!r} of {float(waves.position[j])!r} (§5)",
    )


def _one(waves: Any, group: Index, values: Array, name: str, what: str) -> None:
    """One value a group, or BookError."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    said = values[first][inverse]
    _refuse(
        waves,
        np.flatnonzero(values != said),
        f"have another {name} than their {what} had earlier in the same wave",
        lambda j: f"{float(said[j])!r} and {float(values[j])!r}; one wave, one {what}, one {name} (§9)",
    )


def _refuse(waves: Any, rows: Index, what: str, number: Any) -> None:
    if rows.size:
        j = int(rows.min())
        raise BookError(
            f"{rows.size:,} of {len(waves.wave):,} rows {what}, first row {j + 1}: wave "
            f"{waves.labels[waves.wave[j]]}, "
            f"account {waves.accounts[waves.account[j]]!r}, asset {waves.assets[waves.asset[j]]!r}: "
            f"{number(j)}"
        )
