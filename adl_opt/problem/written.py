"""An allocation as a JSON file: what is written, for `stored` to read (§11)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import AllocationError
from adl_opt.problem import stored


def place_of(path: str | Path, overwrite: bool) -> Path:
    """Where to write. Raises AllocationError for what is no .json path, or exists and may not be replaced."""
    if not isinstance(path, (str, Path)):
        raise AllocationError(
            f"an allocation is saved to a path ending in .json, not to {type(path).__name__}"
        )
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise AllocationError(
            f"{str(path)!r}: an allocation is saved as .json; allocation.to_frame().to_csv(...) writes "
            "a table"
        )
    if path.exists() and not overwrite:
        raise AllocationError(
            f"{str(path)!r} exists and is not overwritten; choose another name or say overwrite=True"
        )
    return path


def write(path: Path, allocation: Any, unique: bool | None, ends: tuple[Array, Array] | None) -> None:
    """Write an Allocation with what is known of its uniqueness and of its right prices (d,)."""
    book = allocation.event.book
    content = {
        "format": stored.FORMAT,
        "book": {
            "accounts": book.accounts.tolist(),
            "assets": list(book.assets),
            "price": book.price.tolist(),
            "equity": book.equity.tolist(),
            "account": book.account.tolist(),
            "asset": book.asset.tolist(),
            "position": book.position.tolist(),
            "extra": {name: column.tolist() for name, column in book.extra.items()},
            "unused": list(book.unused),
            "currency": book.currency,
            "mark": None if book.mark is None else book.mark.tolist(),
            "inverse": book.inverse.astype(int).tolist(),
            "said": list(book.said),
        },
        "short": allocation.event.short,
        "long": allocation.event.long,
        **allocation.event.given_limits,
        "amount": allocation.amount.tolist(),
        "method": allocation.method,
        "objective": allocation.objective_name,
        "certificate": {
            stored.WRITTEN.get(k, k): _plain(v) for k, v in asdict(allocation.certificate).items()
        },
        "price": [_plain(p) for p in allocation.shadow_price_by_asset.tolist()],
        "parts": dict(allocation.parts),
        **_constraints(allocation),
        "law_weights": dict(allocation.weight_by_law),
        "unique": unique,
        "price_range": None if ends is None else [[_plain(p) for p in end.tolist()] for end in ends],
    }
    try:
        path.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise AllocationError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None


def _constraints(allocation: Any) -> dict[str, Any]:
    """What constraints the allocation holds, and their prices; nothing where there are none."""
    prices = allocation.constraint_prices
    listed = [[*key, float(price)] for key, price in prices.items()]
    return {"constraint_prices": listed} if listed else {}


def _plain(value: Any) -> Any:
    """JSON has no infinities or nan."""
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
