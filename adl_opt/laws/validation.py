"""What a law is given, checked: numbers, labels, vectors, covariance and correlation matrices."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from adl_opt.arrays import Array
from adl_opt.errors import LawError
from adl_opt.inputs import holds_truth
from adl_opt.numerics.readonly import fixed


def frozen(array: Array) -> Array:
    return fixed(np.array(array, dtype=float))


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Raise LawError in place of LinAlgError: no driver of LAPACK takes the matrix apart."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise LawError(
            f"{name} cannot be decomposed: none of LAPACK's drivers converges ({error}); round its entries"
        ) from None


def listing(names: Any, most: int = 6) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def labels_of(values: Any) -> tuple[str, ...] | None:
    labels = (
        tuple(values)
        if isinstance(values, Mapping)
        else tuple(values.index)
        if hasattr(values, "index") and hasattr(values, "to_numpy")
        else None
    )
    labels = None if labels is None else tuple(str(label) for label in labels)
    distinct(labels, "law")
    return labels


def entry(assets: tuple[str, ...] | None, k: int) -> str:
    """How entry k of a law is called: by its label, or by its number."""
    return repr(assets[k]) if assets else f"number {k + 1}"


def distinct(labels: tuple[str, ...] | None, name: str) -> None:
    if labels and len(set(labels)) < len(labels):
        count = Counter(labels)
        twice = next(label for label in labels if count[label] > 1)
        raise LawError(f"the labels of {name} are not distinct: {twice!r} stands {count[twice]} times")


def numbers_of(values: Any, name: str) -> Array:
    if values is None:
        raise LawError(f"{name} is missing: give numbers")
    names = list(map(str, values)) if isinstance(values, Mapping) else None
    if hasattr(values, "index") and hasattr(values, "to_numpy") and np.ndim(values) == 1:
        names = [str(label) for label in values.index]
    values = list(values.values()) if isinstance(values, Mapping) else values
    try:
        raw = np.asarray(values)
        if np.iscomplexobj(raw):
            raise LawError(f"{name} must be real numbers, not complex ones")
        if holds_truth(values):
            raise LawError(f"{name} must be numbers, not True or False: write 1 and 0 if those are meant")
        if raw.dtype.kind in "mM":
            raise LawError(
                f"{name} must be numbers, not of the type {raw.dtype}; dates belong in the index (set_index)"
            )
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, LawError):
            raise
        hint = "; dates belong in the index (set_index)" if "Timestamp" in str(error) else ""
        raise LawError(f"{name} must be numbers: {str(error).splitlines()[0]}{hint}") from None
    if not np.isfinite(array).all():
        if not array.ndim:
            raise LawError(f"{name} is {float(array)}; it must be a finite number")
        first = np.argwhere(~np.isfinite(array))[0]
        where = repr(names[first[0]]) if names else f"at {tuple(int(k) + 1 for k in first)}"
        raise LawError(
            f"{(~np.isfinite(array)).sum()} of {array.size} numbers of {name} are missing or infinite, "
            f"first {where}"
        )
    return array


def places(labels: tuple[str, ...], assets: tuple[str, ...]) -> list[int]:
    """Where each of the assets stands among the labels, which hold them all."""
    number = {label: k for k, label in enumerate(labels)}
    return [number[asset] for asset in assets]


def vector_of(values: Any, assets: tuple[str, ...] | None, d: int, name: str, default: float) -> Array:
    if values is None:
        return np.full(d, default)
    labels = labels_of(values)
    array = np.atleast_1d(numbers_of(values, name))
    if array.shape != (d,):
        known = set(labels or ())
        missing = [asset for asset in assets or () if labels is not None and asset not in known]
        which = f": {missing[0]!r} is missing" if missing else ""
        raise LawError(f"{name} must have one number an asset ({d}), not {array.size}{which}")
    if labels is not None and assets is None:
        raise LawError(
            f"{name} is labelled ({listing(labels)}) but the law is not; label both by asset, or neither"
        )
    if labels is not None and assets is not None:
        if set(labels) != set(assets):
            raise LawError(
                f"{name} is labelled {listing(labels)}, the law {listing(assets)}; use the same labels"
            )
        array = array[places(labels, assets)]
    return array


def whole(order: Any) -> int:
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or not 1 <= order <= 300:
        raise LawError(f"order = {order!r}: a quadrature needs a whole number of nodes, from 1 to 300")
    return int(order)


def set_fields(law: Any, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(law, name, fixed(value))


def whole_number(n: Any) -> int:
    """n as a number of scenarios to draw. Raises LawError."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise LawError(f"cannot sample {n!r} scenarios: ask for a whole number, at least 1")
    return int(n)
