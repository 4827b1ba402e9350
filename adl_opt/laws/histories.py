"""Scenarios from what people have: price histories, returns, files."""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from adl_opt.arrays import Array
from adl_opt.data.tables import read_columns
from adl_opt.errors import BookError, LawError
from adl_opt.laws.sampling import frame_like, generator
from adl_opt.laws.validation import numbers_of, whole_number

if TYPE_CHECKING:
    import pandas as pd


_DATES = ("date", "time", "timestamp", "datetime")  # names of columns that hold dates, whatever their case


class FromHistory:
    """The constructors of Scenarios that read a history."""

    @classmethod
    def from_prices(
        cls,
        prices: pd.DataFrame,
        steps: int = 1,
        *,
        half_life: float | None = None,
        bootstrap: int | None = None,
        block: int = 1,
        seed: int | np.random.Generator = 1,
    ) -> Self:
        """The moves that a price history shows.

        - `prices`: a DataFrame, rows in time order, a column an asset, quote currency > 0; a column of dates
          is taken as the index
        - `steps`: rows that a move spans (moves overlap)
        - `half_life`: rows after which a move counts half; None: all count alike
        - `bootstrap`: draw so many moves instead, each of `steps` one-row moves compounded, in blocks of
          `block` successive rows at random (`seed`): what follows one another stays together

        Returns Scenarios of len(prices) - steps moves, or of `bootstrap`. Raises LawError for a price that is
        missing (named by label and date), infinite or not positive, rows out of order, fewer than steps + 1
        rows, a half-life that is not positive, or blocks longer than the history.

        >>> prices = pd.DataFrame({"BTC": [100.0, 110.0, 99.0]})
        >>> adl.Scenarios.from_prices(prices).moves.round(6).tolist()
        [[0.1], [-0.1]]
        >>> adl.Scenarios.from_prices(prices, half_life=1).probability.round(6).tolist()
        [0.333333, 0.666667]
        """
        table, assets = _prices(prices, steps)
        single, whole = table[1:] / table[:-1], table[steps:] / table[:-steps]
        return cls._from_growth(single, whole, assets, steps, half_life, bootstrap, block, seed)

    @classmethod
    def from_returns(
        cls,
        returns: pd.DataFrame,
        steps: int = 1,
        *,
        log: bool = False,
        half_life: float | None = None,
        bootstrap: int | None = None,
        block: int = 1,
        seed: int | np.random.Generator = 1,
    ) -> Self:
        """The moves of a history of returns, a row a period.

        - `returns`: a DataFrame, rows in time order, a column an asset; fractions, 0.05 = 5 %
        - `log`: they are log returns, which are not moves: a log return r is a move of exp(r) - 1
        - the rest as of `from_prices`; over several `steps` returns compound

        Returns Scenarios. Raises LawError for a return that is missing, a simple one of -1 or less, and as
        from_prices does.

        >>> adl.Scenarios.from_returns(pd.DataFrame({"BTC": [0.1, -0.1]}), steps=2).moves.round(6).tolist()
        [[-0.01]]
        >>> adl.Scenarios.from_returns(pd.DataFrame({"BTC": [0.5]}), log=True).moves.round(4).tolist()
        [[0.6487]]
        """
        table, assets = _table(returns, "returns")
        if not log and (table <= -1).any():
            row, column = np.argwhere(table <= -1)[0]
            raise LawError(
                f"{(table <= -1).sum()} returns lose everything or more, first in row {row + 1}, column "
                f"{column + 1}: {table[row, column]:.6g}; give fractions, or log=True for log returns"
            )
        _check_steps(len(table), steps, "returns", 1)
        single = np.exp(table) if log else 1 + table
        whole = np.lib.stride_tricks.sliding_window_view(single, steps, axis=0).prod(axis=-1)
        return cls._from_growth(single, whole, assets, steps, half_life, bootstrap, block, seed)

    @classmethod
    def read(cls, path: str | Path, *, meant: bool = False) -> Self:
        """The scenarios of a file: a column an asset, moves as fractions, and perhaps a column `probability`.

        `path`: CSV or Parquet; `meant` as of Scenarios. Returns Scenarios. Raises LawError for a file that
        cannot be read, and as Scenarios does.

        >>> pd.DataFrame({"BTC": [-0.1, 0.2], "probability": [0.75, 0.25]}).to_csv("moves.csv", index=False)
        >>> adl.Scenarios.read("moves.csv").probability.tolist()
        [0.75, 0.25]
        """
        try:
            columns = {
                name: values.to_pandas() for name, values in read_columns(path, "scenarios")[0].items()
            }
        except BookError as error:
            raise LawError(str(error)) from None
        return cls._made(columns, columns.pop("probability", None), meant)

    @classmethod
    def _made(cls, moves: Any, probability: Any, meant: bool) -> Self:
        # cls is Scenarios, whose arguments these are.
        return cls(moves, probability, meant=meant)  # type: ignore[call-arg]

    @classmethod
    def _from_growth(
        cls,
        single: Array,
        whole: Array,
        assets: tuple[str, ...] | None,
        steps: int,
        half_life: float | None,
        bootstrap: int | None,
        block: int,
        seed: int | np.random.Generator,
    ) -> Self:
        """From what a price is multiplied by over one row (rows, d), and over `steps` of them."""
        real = isinstance(half_life, Real) and not isinstance(half_life, bool)
        if half_life is not None and not (real and half_life > 0):
            raise LawError(f"half_life = {half_life!r}: a number of rows above 0, or None")
        if bootstrap is None:
            weight = None if half_life is None else _fading(len(whole), half_life)
        else:
            whole, weight = _blocks(single, steps, half_life, bootstrap, block, seed), None
        return cls._made(frame_like(whole - 1, assets), weight, True)


def _fading(count: int, half_life: float) -> Array:
    """Weights of successive moves, the last the largest, that halve every half_life rows."""
    weight = 0.5 ** (np.arange(count - 1, -1, -1) / half_life)
    return weight / weight.sum()


def _blocks(single: Array, steps: int, half_life: float | None, count: int, block: int, seed: Any) -> Array:
    """(count, d) products of `steps` rows drawn in blocks of successive ones."""
    count, block = whole_number(count), whole_number(block)
    if block > len(single):
        raise LawError(f"block = {block}: the history has {len(single)} moves, so many at most")
    starts = len(single) - block + 1
    weight = None if half_life is None else _fading(starts, half_life)
    drawn = generator(seed).choice(starts, size=(count, -(-steps // block)), p=weight)
    rows = (drawn[:, :, None] + np.arange(block)).reshape(count, -1)[:, :steps]
    return single[rows].prod(axis=1)


def _prices(given: Any, steps: int) -> tuple[Array, tuple[str, ...] | None]:
    table, assets = _table(given, "prices")
    _check_steps(len(table), steps, "prices", 0)
    if (table <= 0).any():
        row, column = np.argwhere(table <= 0)[0]
        raise LawError(
            f"{(table <= 0).sum()} prices are not positive, first in row {row + 1}, column "
            f"{column + 1}: {table[row, column]:.6g}"
        )
    return table, assets


def _table(given: Any, what: str) -> tuple[Array, tuple[str, ...] | None]:
    """(numbers (rows, d), labels) of a history in time order, none missing."""
    given = _dated(given, what)
    ordered = hasattr(given, "to_numpy") and getattr(given.index.dtype, "kind", "O") in "iufM"
    if ordered and not given.index.is_monotonic_increasing:
        raise LawError(
            f"the rows of {what} are not in the order of their index; sort them: {what}.sort_index()"
        )
    if hasattr(given, "isna") and bool(given.isna().to_numpy().any()):
        missing = given.to_frame().isna() if given.ndim == 1 else given.isna()
        row, column = np.argwhere(missing.to_numpy())[0]
        raise LawError(
            f"{int(missing.to_numpy().sum())} of {missing.size} {what} are missing, first "
            f"{missing.columns[column]!s} at {missing.index[row]!s}; leave the rows out ({what}.dropna()) or "
            f"fill them ({what}.ffill())"
        )
    table = numbers_of(given, what)
    assets = tuple(str(c) for c in given.columns) if hasattr(given, "columns") else None
    return table[:, None] if table.ndim == 1 else table, assets


def _dated(given: Any, what: str) -> Any:
    """A DataFrame whose one column of dates, if it has one, is the index."""
    if not hasattr(given, "columns"):
        return given
    kinds = {name: getattr(given[name].dtype, "kind", "O") for name in given.columns}
    named = [name for name in given.columns if str(name).lower() in _DATES]
    number = [name for name in named if kinds[name] in "iuf"]
    if number:
        raise LawError(
            f"the column {number[0]} of {what} holds numbers: a time belongs in the index "
            f"({what}.set_index({str(number[0])!r})), an asset of that name needs another one"
        )
    chosen = [name for name in given.columns if kinds[name] == "M"] or named
    if len(chosen) > 1:
        raise LawError(f"{what} have {len(chosen)} columns of dates, {chosen[0]} and {chosen[1]}: keep one")
    if not chosen:
        return given
    import pandas as pd

    try:
        index = pd.to_datetime(given[chosen[0]])
    except (ValueError, TypeError) as error:
        raise LawError(f"the column {chosen[0]} of {what} holds no dates: {error}") from None
    return given.drop(columns=chosen[0]).set_index(pd.Index(index))


def _check_steps(rows: int, steps: int, what: str, more: int) -> None:
    """Of a table of so many rows, which `more` rows of prices made."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise LawError(f"steps = {steps!r}: moves are over a whole number of rows")
    if steps < 1 or rows + more <= steps:
        raise LawError(
            f"{rows} rows of {what} give no move over steps={steps}; steps must be at least 1 and at most "
            f"{rows + more - 1}"
        )
