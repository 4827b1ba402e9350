"""What a file of an allocation says, checked before it is believed: shapes, boxes, clearing, and the
certificate's numbers against one another (§6, §11).
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from adl_opt.arrays import Array, Index
from adl_opt.certificates.certificate import Certificate, check_tolerance, verdict
from adl_opt.certificates.feasibility import FEASIBLE, allowed_error, clearing_errors
from adl_opt.data.book import Book
from adl_opt.data.event import Event
from adl_opt.data.limits import LIMITS
from adl_opt.errors import AllocationError, UncertifiedWarning

FORMAT, RECORDED = "adl_opt allocation 1", "recorded"
WRITTEN = {
    "value": "objective",
    "objective_name": "measure",
}  # fields of a certificate by their names in files
STRENGTH = {"infeasible": 0, "uncertified": 1, "negligible": 2, "certified": 3}  # of what a status claims
_INFINITE = {"inf": np.inf, "-inf": -np.inf}
_SAME = 1e-9  # relative: numbers that a file repeats differ by rounding at most


def content_of(path: str | Path) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises AllocationError for a file that is missing, damaged, of another kind, or names a field twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        what = "brackets within brackets, thousands deep" if isinstance(error, RecursionError) else error
        raise AllocationError(f"{str(path)[:200]!r} cannot be read as an allocation: {what}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise AllocationError(f"{str(path)!r} is not an allocation saved by adl_opt ({FORMAT!r} expected)")
    return content


def fields_of(content: dict[str, Any]) -> tuple[Any, ...]:
    """The fields of an Allocation, in its order, of a file's content."""
    book = book_of(content.get("book"))
    limits = {kind.name: content[kind.name] for kind in LIMITS if kind.name in content}  # or an older file
    event = Event(book, short=content["short"], long=content["long"], **limits)
    amount = numbers(content, "amount", len(book.position))
    certificate = reviewed(event, amount, certificate_of(content.get("certificate")))
    return (
        event,
        amount,
        text(content, "method"),
        text(content, "objective"),
        certificate,
        numbers(content, "price", len(book.assets), missing=True),
        parts_of(content),
        unique_of(content) if certificate.certified else None,
        ends_of(content, len(book.assets)),
        None,
        None,
        None,
        constraint_prices_of(content),
        parts_of(content, "law_weights") if "law_weights" in content else {},
    )


def book_of(stored: Any) -> Book:
    """Raises AllocationError for lists of other lengths or kinds, numbers of accounts or assets that do not
    exist, legs that stand twice or out of order.
    """
    stored = _object(stored, "book")
    accounts, assets = _texts(stored, "accounts"), _texts(stored, "assets")
    legs = len(_list(stored, "position"))
    account, asset = (
        _indices(stored, name, len(of), legs) for name, of in (("account", accounts), ("asset", assets))
    )
    position = numbers(stored, "position", legs)
    held = position != 0
    key = ((account.astype(np.int64) * len(assets) + asset) * 2 + (position < 0))[held]
    if (np.diff(account) < 0).any() or len(np.unique(key)) < held.sum():
        raise AllocationError(
            "its positions are not grouped by account, each side of an asset of an account once"
        )
    price, equity = numbers(stored, "price", len(assets)), numbers(stored, "equity", len(accounts))
    if not (price > 0).all():
        raise AllocationError(f"{(price <= 0).sum()} of {len(price)} prices are not positive")
    extra = {
        str(name): numbers(stored["extra"], name, legs) for name in _object(_entry(stored, "extra"), "extra")
    }
    labels = np.array(accounts, dtype=object)
    return Book(
        labels, tuple(assets), price, equity, account, asset, position, extra,
        tuple(_texts(stored, "unused")) if "unused" in stored else (),
        **_money_of(stored, len(assets)),
    )  # fmt: skip


def _money_of(stored: dict[str, Any], assets: int) -> dict[str, Any]:
    """Of a book: what its money is in, and which contracts are inverse; files before 0.1 do not say it."""
    found: dict[str, Any] = {}
    if "currency" in stored:
        found["currency"] = _texts({"currency": [stored["currency"]]}, "currency")[0]
    if stored.get("mark") is not None:
        found["mark"] = numbers(stored, "mark", assets)
        found["inverse"] = numbers(stored, "inverse", assets) == 1
        if not (found["mark"] > 0).all():
            raise AllocationError(f"{(found['mark'] <= 0).sum()} of {assets} quoted prices are not positive")
    if "said" in stored:
        found["said"] = tuple(_texts(stored, "said"))
    return found


def certificate_of(stored: Any) -> Certificate:
    """Raises AllocationError for fields that are missing, unknown or of another kind."""
    stored = _older(dict(_object(stored, "certificate")))
    kinds = {WRITTEN.get(name, name): kind for name, kind in get_type_hints(Certificate).items()}
    unknown, missing = (
        [name for name in stored if name not in kinds],
        [name for name in kinds if name not in stored],
    )
    if unknown or missing:
        what = f"the unknown field {unknown[0]!r}" if unknown else f"no field {missing[0]!r}"
        raise AllocationError(
            f"its certificate has {what}; a file of another version of adl_opt: solve or certify again and "
            "save"
        )
    for name, kind in kinds.items():
        value = stored[name]
        if kind is str:
            legal = isinstance(value, str)
        else:
            value = _INFINITE.get(value, value) if isinstance(value, str) else value
            legal = _is_number(value) or (value is None and name in ("bound", "gap"))
        if not legal:
            raise AllocationError(
                f"the {name} of its certificate is {_shown(value)}, no {'text' if kind is str else 'number'}"
            )
        stored[name] = value if isinstance(value, str) or value is None else float(value)
    if stored["proof"].split(":")[0] != RECORDED:
        stored["proof"] = f"{RECORDED}: {stored['proof']}"
    names = {WRITTEN.get(field.name, field.name): field.name for field in fields(Certificate)}
    return Certificate(**{names[written]: value for written, value in stored.items()})


def reviewed(event: Event, amount: Array, c: Certificate) -> Certificate:
    """The recorded certificate as far as the file bears it out: of a status or gap that claims more than
    boxes, clearing, objective, bound and tolerance show, what they show, said in the proof and in a
    UncertifiedWarning.

    Whether the bound is one, a file cannot show: the proof says `recorded` until `adl.certify` has proved the
    allocation again. Raises AllocationError for statuses, tolerances and objectives that are none.
    """
    if c.status not in STRENGTH:
        raise AllocationError(f"its status {c.status!r} is none of {', '.join(STRENGTH)}")
    check_tolerance(c.tolerance)
    if not np.isfinite(c.value) or (c.status != "infeasible" and (c.bound is None or c.gap is None)):
        raise AllocationError(f"its status is {c.status}, but its objective, bound or gap is no number")
    odd = [name for name in ("reference", "rounding") if not np.isfinite(getattr(c, name))] or [
        "rounding"
    ] * (c.rounding < 0)
    if odd:
        raise AllocationError(
            f"the {odd[0]} of its certificate is {getattr(c, odd[0])}, no number that a value or its "
            "rounding can be"
        )
    found, words = _borne_out(event, amount, c)
    if words:
        found = replace(found, proof=f"{c.proof}; the file says {c.status}, but {words}")
        warnings.warn(
            f"the file of the allocation claims more than it shows: it says {c.status}, but {words}",
            UncertifiedWarning,
            4,
        )
    return found


def _borne_out(event: Event, amount: Array, c: Certificate) -> tuple[Certificate, str]:
    """(what is borne out, in what the record claims more: "" if in nothing)."""
    errors = np.abs(clearing_errors(event, amount))
    most = np.where(event.closable, event.size, 0.0)
    box = float(
        (np.maximum(amount - most, -amount) / np.where(event.held > 0, event.held, 1.0)).max(initial=0.0)
    )
    off, rounding = float(errors.max(initial=0.0)), float(allowed_error(event).max(initial=0.0))
    if abs(c.clearing_error - off) > _SAME * off + rounding or abs(c.box_violation - box) > _SAME * (1 + box):
        c = replace(c, clearing_error=off, box_violation=box)
    if box > FEASIBLE or (errors > allowed_error(event)).any():
        words = (
            f"it misses the requirement by {off:.3g} contracts and leaves its boxes by {box:.3g} of a "
            "position"
        )
        return replace(
            c, status="infeasible", bound=None, gap=None
        ), "" if c.status == "infeasible" else words
    unproved = replace(c, status="uncertified", bound=-np.inf, gap=np.inf)
    if c.bound is None or c.gap is None or c.status == "infeasible":
        return unproved, "it clears within its boxes, and nothing is proved"
    if not c.bound - c.value <= c.tolerance * max(abs(c.value), abs(c.reference)):
        return unproved, f"its bound {c.bound:.9g} lies above its objective {c.value:.9g}"
    gap, status = _verdict(c)
    gap = gap if c.gap < gap * (1 - _SAME) - 1e-12 else c.gap
    weaker = min(status, c.status, key=lambda name: STRENGTH[name])
    weaker = "uncertified" if weaker == "certified" and gap > c.tolerance else weaker
    if gap == c.gap and weaker == c.status:
        return c, ""
    return replace(
        c, status=weaker, gap=gap
    ), f"its objective {c.value:.9g} and bound {c.bound:.9g} leave a gap of {gap:.3g}"


def _verdict(c: Certificate) -> tuple[float, str]:
    """(gap, status) by the rule of §11 from the recorded objective and bound; a solve may claim less, never
    more.
    """
    assert c.bound is not None
    gap, status = verdict(c.value, c.bound, c.rounding, c.reference, c.tolerance)
    return gap, "certified" if gap <= c.tolerance * (1 + _SAME) else status


def _older(stored: dict[str, Any]) -> dict[str, Any]:
    """Certificates of older files under today's names: a floor of the gap is a rounding over the
    tolerance.
    """
    stored.setdefault("constraint_violation", 0.0)
    if (
        "floor" in stored
        and "rounding" in {field.name for field in fields(Certificate)}
        and "rounding" not in stored
    ):
        floor = stored.pop("floor")
        legal = _is_number(floor) and _is_number(stored.get("tolerance"))
        stored["rounding"] = floor * stored["tolerance"] if legal else floor
    return stored


def numbers(stored: Mapping[str, Any], name: str, length: int, missing: bool = False) -> Array:
    """The list `name` as floats (length,); missing: null is nan, "inf" and "-inf" are infinite, else all are
    finite.
    """
    values = _list(stored, name)
    if missing:
        values = [np.nan if v is None else _INFINITE.get(v, v) if isinstance(v, str) else v for v in values]
    if len(values) != length or not set(map(type, values)) <= {int, float}:
        raise AllocationError(f"{name} must be a list of {length} numbers")
    try:
        found = np.array(values, float)
    except OverflowError:
        raise AllocationError(f"{name} holds a number beyond any float") from None
    if not missing and not np.isfinite(found).all():
        raise AllocationError(
            f"{name} holds a number that is not finite, first number {int(np.argmin(np.isfinite(found))) + 1}"
        )
    return found


def text(content: Mapping[str, Any], name: str) -> str:
    value = _entry(content, name)
    if not isinstance(value, str):
        raise AllocationError(f"{name} is {_shown(value)}, no text")
    return value


def parts_of(content: Mapping[str, Any], name: str = "parts") -> dict[str, float]:
    """The value of each term of the objective, or the weight of each of its laws."""
    parts = _object(_entry(content, name), name)
    odd = [part for part, value in parts.items() if not _is_number(value)]
    if odd:
        kind = "part" if name == "parts" else "law weight"
        raise AllocationError(f"the {kind} {odd[0]!r} is {_shown(parts[odd[0]])}, no number")
    return {name: float(value) for name, value in parts.items()}


def constraint_prices_of(content: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """(constraint, what it limits) -> price; {} for a file without constraints."""
    listed = content.get("constraint_prices", [])
    if not isinstance(listed, list) or not all(
        isinstance(one, list)
        and len(one) == 3
        and isinstance(one[0], str)
        and isinstance(one[1], str)
        and _is_number(one[2])
        for one in listed
    ):
        raise AllocationError(
            "constraint_prices is no list of [constraint, what it limits, price], texts and a number"
        )
    return {(one[0], one[1]): float(one[2]) for one in listed}


def unique_of(content: Mapping[str, Any]) -> bool | None:
    value = content.get("unique")
    if value not in (True, False, None) or not isinstance(value, (bool, type(None))):
        raise AllocationError(f"unique is {_shown(value)}; it is true, false or null")
    return value


def ends_of(content: Mapping[str, Any], assets: int) -> tuple[Array, Array] | None:
    """Least and most right prices (d,), where they were known."""
    ends = content.get("price_range")
    if ends is None:
        return None
    if not isinstance(ends, list) or len(ends) != 2:
        raise AllocationError(f"price_range is {_shown(ends)}, no pair of lists")
    low, high = (numbers({"price_range": end}, "price_range", assets, missing=True) for end in ends)
    return low, high


def _entry(stored: Mapping[str, Any], name: str) -> Any:
    if name not in stored:
        raise AllocationError(f"it has no {name!r}")
    return stored[name]


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AllocationError(f"its {name} is {_shown(value)}, no object of named fields")
    return value


def _list(stored: Mapping[str, Any], name: str) -> list[Any]:
    values = _entry(stored, name)
    if not isinstance(values, list):
        raise AllocationError(f"{name} is {_shown(values)}, no list")
    return values


def _texts(stored: Mapping[str, Any], name: str) -> list[str]:
    values = _list(stored, name)
    if not set(map(type, values)) <= {str} or len(set(values)) < len(values):
        raise AllocationError(f"{name} must be a list of texts, each once")
    return values


def _indices(stored: Mapping[str, Any], name: str, count: int, legs: int) -> Index:
    values = _list(stored, name)
    if len(values) != legs or not set(map(type, values)) <= {int}:
        raise AllocationError(f"{name} of its book must be a list of {legs} whole numbers")
    odd = [value for value in values if not 0 <= value < count]
    if odd:
        raise AllocationError(
            f"{len(odd)} of {legs} positions belong to an {name} that does not exist, first number "
            f"{_shown(odd[0])} of {count}"
        )
    return np.array(values, np.int32)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**308
    )


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 40 else f"a {type(value).__name__}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
