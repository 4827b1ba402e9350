"""What one more unit of each constraint's limit would save, from the multipliers of a proof (THEORY 11.3)."""

from adl_opt.arrays import Array
from adl_opt.constraints.constrained import Constrained, names_of
from adl_opt.data.event import Event
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law


def prices_of(
    event: Event, law: Law | None, amount: Array, priced: Constrained | None
) -> dict[tuple[str, str], float]:
    """(constraint, what it limits) -> price; {} where no multipliers are known."""
    if priced is None or not priced.multipliers:
        return {}
    m, found = SymbolsAt(event, law, amount), {}
    for name, constraint, rows in zip(names_of(priced.subject_to), priced.subject_to, priced.multipliers):
        for of, price in constraint.prices(m, rows):
            again = sum(key == (name, of) or key == (name, f"{of} #2") for key in found)
            found[name, f"{of} #2" if again else of] = price
    return found
