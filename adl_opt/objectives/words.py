"""What an objective is, in symbols and words (§15)."""

from typing import Any

from adl_opt import html
from adl_opt.text import clipped, two_lines

_LETTERS = {  # as `formula` has them
    "L": "L = Σᵢ (lossᵢ − equityᵢ)₊, the total loss beyond equity",
    "ℓᵢ": "ℓᵢ: leverage of account i after closing, x of equity",
}


def symbols(objective: Any) -> str:
    """What is minimised, on one line: its `formula` with its numbers, or its name where it has none."""
    parts = [(w, (part.formula or "{}").format(part)) for w, part in objective.weighted_parts()]
    return " + ".join(text if w == 1 else f"{w:g} · [{text}]" for w, text in parts)


def unit_of(objective: Any, currency: str = "quote currency") -> str:
    """The unit of an objective's value, in words; of a sum that mixes them, all. Money is in `currency`."""
    named = {
        part.unit or (currency if part.money else "pure number") for _, part in objective.weighted_parts()
    }
    return " + ".join(sorted(named, key=lambda name: (name != currency, name)))


def where(objective: Any) -> str:
    """What the letters of `symbols` stand for."""
    text = " ".join(part.formula for _, part in objective.weighted_parts())
    return "; ".join(said for letter, said in _LETTERS.items() if letter in text)


def short(self: Any) -> str:
    """The repr of an objective."""
    return two_lines(f"<objective {self}>")


def panel(objective: Any) -> str:
    words = " ".join((type(objective).__doc__ or "").partition("\n\n")[0].split())
    value = f"{symbols(objective)}   ({unit_of(objective)})"
    said = [("value", value), ("where", where(objective)), ("is", words)]
    return html.panel(clipped(objective, 80), html.facts(said))
