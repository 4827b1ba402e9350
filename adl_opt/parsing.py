"""How numbers are written on the command line: 0.6, 60%, 10/365, BTC=10 (DESIGN 6)."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from adl_opt.errors import AdlError

_GROUPED = re.compile(r"[+-]?\d{1,3}([,' \u00a0\u202f]\d{3})+(\.\d+)?%?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+%?")
_EXAMPLES = {
    "--set": "PARAMETER=NUMBER, such as level=0.99",
    "--move": "ASSET=NUMBER, such as BTC=-0.15",
    "": "ASSET=NUMBER, such as BTC=10",
}
_CONTRACTS = ("--short", "--long")  # their percents are shares of the capacity, which the event knows


def pairs(given: Iterable[str] | None, option: str) -> dict[str, Any]:
    """NAME=NUMBER, several times: name -> number; for --set tuples too, for requirements shares and `all` as they are written."""
    found: dict[str, Any] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise AdlError(f"{option} {text!r}: write {_EXAMPLES.get(option, _EXAMPLES[''])}")
        if name in found:
            raise AdlError(f"{option} names {name!r} twice")
        what = f"{option} {name}"
        if option in _CONTRACTS:
            found[name] = value if value.strip().lower() == "all" or value.strip().endswith("%") else number(value, what)
        elif option == "--set" and "," in value:
            found[name] = tuple(fraction(part, what) for part in value.split(","))
        else:
            found[name] = fraction(value, what)
    return found


def fraction(text: str, what: str) -> float:
    """A number where fractions are meant: 0.6 and 60% are the same."""
    bare = text.strip()
    if not bare.endswith("%"):
        return number(text, what)
    bare = bare[:-1].strip()
    # 7% is the double nearest to 0.07: the point is moved before it is read.
    return number(bare, what, text) / 100 if "e" in bare.lower() or "/" in bare else number(f"{bare}e-2", what, text)


def number(text: str, what: str, written: str | None = None) -> float:
    """A number of anything: contracts, years, quote currency. Raises AdlError, naming it as it was written, for what is none."""
    try:
        return float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        written = text if written is None else written
        raise AdlError(f"{what}: {written!r} is not a number{_remedy(written.strip())}") from None


def _remedy(text: str) -> str:
    plain = re.sub(r"[^\d.%+-]", "", text)
    if _GROUPED.fullmatch(text):
        point = f", or {text.replace(',', '.')} if that comma is a decimal point" if _DECIMAL_COMMA.fullmatch(text) else ""
        return f"; write {plain}, without thousands separators{point}"
    if _DECIMAL_COMMA.fullmatch(text):
        return f"; write {text.replace(',', '.')}, with a decimal point"
    return "; it is no share of anything, so write it without %" if text.endswith("%") else ""
