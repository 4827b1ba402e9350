"""What an allocation is asked: why it is so, what it loses, what any objective is, how it would move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adl_opt.arrays import Array
from adl_opt.errors import AllocationError
from adl_opt.evaluation.symbols import SymbolsAt
from adl_opt.laws.base import Law
from adl_opt.objectives.base import Objective

if TYPE_CHECKING:
    import pandas as pd

    from adl_opt.certificates.certificate import Certificate
    from adl_opt.constraints.constrained import Constrained
    from adl_opt.data.event import Event
    from adl_opt.problem.sensitivity import Sensitivity


class Questions:
    """What an Allocation answers about reasons, losses and sensitivities, from its fields."""

    if TYPE_CHECKING:
        event: Event
        amount: Array
        certificate: Certificate
        shadow_price_by_asset: Array
        law: Law | None
        objective: Objective | None
        priced: Constrained | None
        unique: Any
        weight_by_law: Any

    def explain(self, account: object) -> str:
        """Why an account was reduced or spared, in words.

        `account`: its id. Told are what closing saves against the shadow price, and its leverages before and
        after: gross always; volatility leverage, factor leverage and expected shortfall where the law of the
        solve gives them; a file keeps neither law nor objective, so that after `load` only leverage and
        shadow price are told. Raises AllocationError for an account that the book does not have.

        >>> allocation = adl.water_filling(adl.examples.shorts([10, 10], [500, 4000], 5, price=100))
        >>> print(allocation.explain("a1"))
        account a1: spared (equity 4,000 quote currency)
          BTC -10: not closed; there is no shadow price (a policy, or no law)
          gross leverage 0.25 -> 0.25 x of equity
        """
        from adl_opt.problem.explain import explained

        price = self.shadow_price_by_asset
        if self.priced is not None:  # what closing saves is held against the price of a contract alone
            price = price - self.priced.saved_by_requirement(SymbolsAt(self.event, self.law, self.amount))
        return explained(
            self.event, self.law, self.priced or self.objective, self.amount, price,
            self.certificate.unit, account, self.weight_by_law,
        )  # fmt: skip

    def losses(self, law: Law | None = None, by_account: bool = False) -> pd.DataFrame:
        """What is lost beyond equity in each scenario, once this is closed.

        - `law`: scenarios, or a law that is one; default: that of the solve
        - `by_account`: besides, a column "loss ID" for each account that loses in some scenario

        Returns a table, a row a scenario: probability, loss (of all accounts, quote currency). Quantiles of
        it are in `loss_quantiles`, other measures in `measure`. Raises LawError where there is no law, or it
        is no set of scenarios (`law.sample(4096, seed=1)` makes one).

        >>> allocation = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100))
        >>> allocation.losses(adl.Scenarios([-0.5, 1.0], [0.9, 0.1]))["loss"].tolist()
        [0.0, 250.0]
        """
        from adl_opt.problem.allocation_frames import losses

        return losses(self.event, self.amount, self.law if law is None else law, by_account)

    def loss_quantiles(self, levels: Any = (0.5, 0.9, 0.95, 0.99), law: Law | None = None) -> pd.DataFrame:
        """What is lost at most with a probability, and on average beyond: quantiles and CVaR.

        - `levels`: probabilities in [0, 1), one or several; `law`: as in `losses`

        Returns a table, a row a level: quantile (the least loss that is not exceeded with this probability,
        also called value at risk) and CVaR (the mean of the worst 1 - level), quote currency. Raises
        AllocationError for other levels, LawError as `losses` does.

        Source: THEORY 2.

        >>> allocation = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100))
        >>> allocation.loss_quantiles([0.5, 0.9], adl.Scenarios([0.2, 1.0, 2.0], [0.6, 0.3, 0.1]))
              level       quantile           CVaR
        probability quote currency quote currency
                0.5              0            350
                0.9            250          1,000
        """
        from adl_opt.problem.allocation_frames import quantiles

        return quantiles(self.losses(law), levels)

    def measure(self, objective: Objective, law: Law | None = None) -> float:
        """The value of any objective at this allocation: quote currency, or the objective's own unit.

        `objective`: an Objective; `law`: how prices may move, default that of the solve. `adl.certify` proves
        besides how far from its optimum that is. Raises AllocationError for what is no objective, LawError
        where a law is needed and there is none.

        >>> allocation = adl.pro_rata(adl.examples.shorts([10, 10], [500, 4000], 5, price=100))
        >>> law = adl.Scenarios([0.2, 1.0])
        >>> allocation.measure(adl.MaxLeverage()), allocation.measure(adl.WorstCase(), law)
        (1.5, 250.0)
        """
        from adl_opt.problem.allocation_frames import measured

        return measured(self.event, self.amount, objective, self.law if law is None else law)

    def sensitivity(self, marked: bool = False) -> Sensitivity:
        """What the optimum would be under slightly other requirements, equities, prices and volatilities.

        - `marked`: whether a price moves equities too, by position x change; False holds them

        Returns a Sensitivity: `to_frame()` of the value, `by_account()` says who would gain by a unit more of
        equity, `closing("equity", "bob")` what would be closed of whom. Where something is not
        differentiable, there is None, with the reason; the value's derivatives from below and from above are
        then told where they are known. Raises AllocationError where the allocation is not certified, or was
        loaded from a file.

        Source: THEORY 11.7.

        >>> event = adl.examples.shorts([10, 10, 10], [500, 4000, 250], 15, price=100)
        >>> adl.water_filling(event).sensitivity().closing("equity", "a0").round(6).tolist()
        [0.002222, 0.0, -0.002222]
        """
        from adl_opt.problem.differentiate import Optimum, differentiated

        c = self.certificate
        if self.objective is None:
            raise AllocationError(
                "a file keeps neither law nor objective: solve again, then ask for sensitivities"
            )
        if not c.certified:
            raise AllocationError(
                f"sensitivities are those of an optimum, and this allocation is {c.status} "
                f"(relative gap {c.gap})"
            )
        given = Optimum(
            self.event, self.law, self.objective, self.amount, self.shadow_price_by_asset, c,
            self.priced is not None, lambda: self.unique,
        )  # fmt: skip
        return differentiated(given, marked)
