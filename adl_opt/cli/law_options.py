"""The options that say how prices may move, and how they become a law: one object, alike in every command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from adl_opt.cli.options import PRICES, Strings, option
from adl_opt.cli.parsing import fraction, number, pairs
from adl_opt.data.book import Book
from adl_opt.errors import AdlError
from adl_opt.laws.base import Law, Scenarios
from adl_opt.laws.elliptical import Gaussian
from adl_opt.laws.lognormal import LogNormal
from adl_opt.laws.student_t import StudentT

LAWS = ("lognormal", "gaussian", "student")
Meant = Annotated[bool, option("--meant", None, "what looks like a slip (80 for 80 %) is meant", PRICES)]


@dataclass(frozen=True)
class LawOptions:
    """The options that say how prices may move, alike in every command; `law(book)` is what they say."""

    volatility: Annotated[
        Strings,
        option("--volatility", "ASSET=0.6", "a year, or 60%; all=0.6: all assets; repeatable", PRICES),
    ] = None
    correlation: Annotated[
        str | None, option("--correlation", "NUMBER", "of all pairs of assets: 0.85 or 85%", PRICES)
    ] = None
    horizon: Annotated[str | None, option("--horizon", "YEARS", "such as 10/365", PRICES)] = None
    law_name: Annotated[str, option("--law", "NAME", "lognormal, gaussian, student", PRICES)] = "lognormal"
    dof: Annotated[
        float | None, option("--dof", "NUMBER", "degrees of freedom of --law student, above 2", PRICES)
    ] = None
    quadrature: Annotated[
        int | None, option("--quadrature", "N", "nodes per asset of a Gauss-Hermite rule", PRICES)
    ] = None
    sample: Annotated[int | None, option("--sample", "N", "Sobol scenarios drawn from the law", PRICES)] = (
        None
    )
    seed: Annotated[int, option("--seed", "N", "of --sample", PRICES)] = 1
    scenarios: Annotated[
        Path | None, option("--scenarios", "FILE", "instead: moves, a column an asset, probability", PRICES)
    ] = None
    meant: Meant = False

    def law(self, book: Book) -> Law | None:
        """The law of these options for a book, None if they say none.

        Raises AdlError for options that do not go together.
        """
        if self.law_name not in LAWS:
            raise AdlError(f"--law {self.law_name!r} is not known; there are {', '.join(LAWS)}")
        if (self.dof is not None) != (self.law_name == "student"):
            student = self.law_name == "student"
            raise AdlError(
                "--law student needs --dof, above 2" if student else "--dof goes with --law student"
            )
        if self.dof is not None and not self.dof > 2:
            raise AdlError(f"--dof {self.dof:g}: a volatility needs more than 2 degrees of freedom")
        others = (self.correlation, self.horizon, self.quadrature, self.sample)
        if self.scenarios is not None:
            if any(option is not None for option in (self.volatility, *others)):
                raise AdlError(
                    "--scenarios is a law by itself: leave out --volatility, --correlation, --horizon, "
                    "--quadrature and --sample"
                )
            return Scenarios.read(self.scenarios, meant=self.meant)
        if not self.volatility:
            if any(option is not None for option in others):
                raise AdlError("a lognormal law needs --volatility ASSET=0.6 (a year)")
            return None
        law = self._parametric(book, self.volatility)
        if self.quadrature is not None and self.sample is not None:
            raise AdlError("--quadrature and --sample are two ways to discretise a law: choose one")
        if self.quadrature is not None:
            return law.quadrature(self.quadrature)
        return law if self.sample is None else law.sample(self.sample, self.seed)

    def _parametric(self, book: Book, volatility: list[str]) -> Law:
        """The law of volatilities a year, correlations and a horizon."""
        if self.horizon is None:
            raise AdlError("--volatility needs --horizon, in years, such as 10/365")
        if len(volatility) == 1 and "=" not in volatility[0]:
            if len(book.assets) > 1:
                raise AdlError(
                    f"--volatility {volatility[0]}: the book has {len(book.assets)} assets; write "
                    f"all={volatility[0]}, or ASSET={volatility[0]} for each"
                )
            volatility = [f"{asset}={volatility[0]}" for asset in book.assets]
        given = pairs(volatility, "--volatility")
        if set(given) == {"all"}:
            given = dict.fromkeys(book.assets, given["all"])
        rho = None if self.correlation is None else fraction(self.correlation, "--correlation")
        horizon = number(self.horizon, "--horizon")
        if self.law_name == "lognormal":
            return LogNormal(given, rho, horizon, meant=self.meant)
        if self.dof is None:
            return Gaussian.annual(given, rho, horizon, meant=self.meant)
        return StudentT.annual(given, rho, horizon, dof=self.dof, meant=self.meant)


NO_LAW = LawOptions()
