"""CVaR of the total loss at scale: an interior point with accounts and scenarios eliminated by hand, on the
scenarios that can be in the tail (THEORY 7).

minimise t + sum_s c_s max(L_s - t, 0) with c = probability / (1 - level): scenario s weighs c_s x omega_s, 0
<= omega <= 1, sum c omega = 1, and the rows of the accounts share that weight instead of a probability.
Scenarios below the tail weigh nothing. They are left out, looked at afterwards, and taken in where they
matter. numpy only.
"""

from collections.abc import Callable

import numpy as np

from adl_opt.arrays import Array, Index, Mask
from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch, batches
from adl_opt.evaluation.symbols import Symbols
from adl_opt.laws.base import Scenarios
from adl_opt.methods.interior_point.expected_loss import KEEP, Multipliers
from adl_opt.methods.interior_point.quantile import WIDE, Quantile
from adl_opt.methods.interior_point.tail_block import Tail
from adl_opt.numerics import lapack
from adl_opt.threads import filtered

_STEPS, _PATIENCE = 150, 25  # steps; steps without progress that end it
_SHORT, _AIM = (
    0.1,
    0.5,
)  # a step that reaches less far is taken without correction, towards this share of the mean product
_AHEAD = 1.5  # probability of the scenarios looked at, in units of the tail's, at least
_AT_LEAST = 64  # scenarios that are looked at
_CELLS = 65_536  # accounts x scenarios of a piece


class Coupled:
    """One problem: an event with something to decide, scenarios (aligned), what a unit of loss beyond the
    quantile costs in each, cost (S,), their sum above 1.
    """

    def __init__(self, event: Event, law: Scenarios, cost: Array) -> None:
        self.event, self.law, self.cost, self.interrupted = event, law, cost, False
        self.number = np.zeros(len(event.side), dtype=np.int64)
        self.number[event.free_assets] = np.arange(len(event.free_assets))
        self.count = len(event.free_assets)
        self.required = (event.required * event.book.price)[event.free_assets]
        self.weights, self.multipliers = np.zeros(len(cost)), None

    def solve(self, watch: Callable[[int, float], None] | None, accuracy: float) -> Array:
        """Fractions closed of the free legs (F,); then `weights` (S,) are those of the scenarios,
        `multipliers` those of the accounts' rows, both for a proof.

        accuracy: the gap, relative to the value, at which the method ends; it also ends where rounding allows
        nothing more. An interrupt keeps the best point.
        """
        event, step = self.event, 0
        amount = event.pro_rata_fraction * event.size
        loss = Symbols(event, self.law, amount).loss
        if not (loss[self.cost > 0] > 0).any():
            return event.pro_rata_fraction[event.free]
        inside = self._worst(loss, _AHEAD)
        for _ in range(len(self.cost) + 1):  # each round takes in a scenario at least
            fraction, quantile, step = self._inside(np.flatnonzero(inside), watch, accuracy, step)
            amount = event.fixed_fraction * event.size
            amount[event.free] = fraction * event.size[event.free]
            loss = Symbols(event, self.law, amount).loss
            left_out = np.maximum(loss - quantile, 0.0) * (self.cost * ~inside)
            if self.interrupted or left_out.sum() <= accuracy * loss.max():
                return fraction
            inside |= self._worst(loss, _AHEAD) | (left_out > 0)
            if inside.mean() > 0.7:  # hardly anything is left out
                inside = self.cost > 0
        return fraction

    def _worst(self, loss: Array, share: float) -> Mask:
        """The worst scenarios, of `share` times the tail's probability at least."""
        order = np.argsort(-loss, kind="stable")
        cost = self.cost[order]
        inside = np.zeros(len(loss), dtype=bool)
        inside[order[np.cumsum(cost) - cost < share]] = True
        inside[order[:_AT_LEAST]] = True
        return inside & (self.cost > 0)

    def _begin(self, kept: Index) -> tuple[list[Tail], Array]:
        """The pieces, and what accounts with nothing to decide lose in the scenarios that are looked at."""
        event, book = self.event, self.event.book
        probability = self.cost[kept] / self.cost[kept].sum()
        law = Scenarios(self.law.moves[kept], probability, meant=True)
        moving = book.per_account(event.free.astype(float)) > 0
        fixed = np.zeros(len(kept))
        if not moving.all():
            for a, b, argument in Symbols(event, law, event.fixed_fraction * event.size).arguments():
                fixed += np.maximum(argument[~moving[a:b]], 0.0).sum(axis=0)
        pieces = []
        for batch in batches(book):
            mine = moving[batch.account]
            account, leg = batch.account[mine], batch.leg[mine]
            order = np.lexsort([-book.leverage.to_numpy()[account], *book.asset[leg].T])
            together = max(1, _CELLS // len(kept))
            for a in range(0, len(account), together):
                chosen = order[a : a + together]
                pieces.append(
                    Tail(event, law, Batch(account[chosen], leg[chosen]), self.number, self.cost[kept])
                )
        return pieces, fixed

    def _inside(
        self, kept: Index, watch: Callable[[int, float], None] | None, accuracy: float, step: int
    ) -> tuple[Array, float, int]:
        """The problem with these scenarios alone: (fractions, quantile in quote currency, steps taken)."""
        pieces, fixed = self._begin(kept)
        cost, count, many = self.cost[kept], self.count, len(kept)
        begun = [piece.evaluate_start(count) for piece in pieces]
        unit = max(one[0] for one in begun)
        if not unit > 0:  # no closing changes what is lost in these scenarios
            return self.event.pro_rata_fraction[self.event.free], np.inf, step
        quantile = Quantile(sum((piece.lost(many) for piece in pieces), start=fixed), cost, unit)
        for piece in pieces:
            piece.weigh(quantile.omega)
        weight = sum(one[1] for one in begun)
        price = sum(piece.by_asset(piece.size * piece.slope, count) for piece in pieces) / weight / unit
        centre = max(0.1 * sum(piece.spread(price, unit) for piece in pieces) / weight.sum(), 1e-3)
        tau = WIDE / centre  # scenarios begin as wide as the quantile is smoothed,
        tau_rows = tau / float(cost.sum())  # rows with the mean weight of their scenarios
        for piece in pieces:
            piece.begin(centre, unit)
        per_target = unit * 2 * sum(float((p.size * p.on).sum()) for p in pieces)
        per_target += 2 * tau_rows * sum(float(p.scale.sum()) * float(p.weight.sum()) for p in pieces)
        per_target += 2 * tau * quantile.money * float(cost.sum())
        least, stalled, level = np.inf, 0, quantile.level
        try:
            for _ in range(_STEPS):
                step += 1
                products = sum(p.products(unit) for p in pieces) + quantile.products()
                astray = self.required - sum(p.closed(count) for p in pieces)
                gap = (
                    products
                    + sum(p.astray(price, unit) for p in pieces)
                    + unit * float(np.abs(price) @ np.abs(astray))
                )
                relative = gap / max(abs(quantile.value()), 1e-300)
                if watch is not None:
                    watch(step, relative)
                stalled = 0 if gap < 0.9 * least else stalled + 1
                if gap < least:
                    least, level = gap, quantile.level
                    self.weights = np.zeros(len(self.cost))
                    self.weights[kept] = cost * quantile.omega
                    for piece in pieces:
                        piece.keep()
                if relative <= accuracy or stalled > _PATIENCE:
                    break
                solve = self._system([piece.build(unit, count, many) for piece in pieces], quantile)
                mean, aim, primal, dual, prices = products / per_target, 0.0, 0.0, 0.0, price
                for stage in (
                    "ahead",
                    "corrected",
                    "straight",
                ):  # straight where the correction leads nowhere
                    if stage == "corrected":
                        after = sum(p.after(primal, dual, unit) for p in pieces) + quantile.after(
                            primal, dual
                        )
                        aim = mean * min(max(after / products, 1e-3) ** 2, 0.5)
                    elif stage == "straight":
                        if min(primal, dual) >= _SHORT:
                            break
                        aim = mean * _AIM
                    corrected = stage == "corrected"
                    rights = [piece.right(aim, unit, tau_rows, count, many, corrected) for piece in pieces]
                    right, total = quantile.right(tau * aim, corrected)
                    right = right + sum(r[1] for r in rights)
                    found = solve(np.concatenate([right, astray + sum(r[0] for r in rights), [total]]))
                    turned, prices, moved = found[:many], found[many:-1], float(found[-1])
                    reaches = [piece.turn(prices, turned) for piece in pieces]
                    reaches.append(
                        quantile.turn(turned, moved, sum(p.by_scenario(p.sigma_step, many) for p in pieces))
                    )
                    primal, dual = min(r[0] for r in reaches), min(r[1] for r in reaches)
                primal, dual = min(1.0, KEEP * primal), min(1.0, KEEP * dual)
                for piece in pieces:
                    piece.walk(primal, dual)
                quantile.walk(primal, dual)
                price = price + dual * (prices - price)
        except (
            np.linalg.LinAlgError
        ):  # no driver solves the step: the best point so far, which proves what it can
            pass
        except KeyboardInterrupt:
            self.interrupted = True
        result = np.zeros(len(self.event.size))
        for piece in pieces:
            fraction, room = piece.best
            result[piece.leg] = np.where(fraction < 0.5, fraction, 1 - room)
        self.multipliers = Multipliers(pieces, len(self.event.book.accounts), len(self.cost), kept)
        return result[self.event.free], level * quantile.money, step

    def _system(self, parts: list[tuple[Array, ...]], quantile: "Quantile") -> Callable[[Array], Array]:
        """What solves for the changes of scenario weights, the prices, and the change of the quantile."""
        schur, across, matrix = (sum(part[k] for part in parts) for k in (1, 2, 3))
        many, total = len(matrix), len(matrix) + self.count + 1
        system = np.zeros((total, total))
        system[:many, :many] = matrix
        system[np.arange(many), np.arange(many)] += quantile.diagonal()
        system[many:-1, many:-1] = schur
        system[:many, many:-1], system[many:-1, :many] = -across.T, -across
        system[:many, -1] = system[-1, :many] = quantile.row
        scale = np.append(1 / np.sqrt(np.diag(system)[:-1]), 1.0)
        scale[-1] = 1 / np.abs(system[:many, -1] * scale[:many]).max()
        inverse = _solver(system * scale[:, None] * scale)
        return lambda right: scale * inverse(scale * right)


def _solver(system: Array) -> Callable[[Array], Array]:
    """Solves a symmetric system, scaled, for several right sides."""
    from scipy.linalg import LinAlgWarning, lu_factor, lu_solve

    with filtered("error", LinAlgWarning):
        try:
            factors = lu_factor(system, check_finite=False)
        except (
            LinAlgWarning,
            np.linalg.LinAlgError,
        ):  # two assets that all accounts hold in one proportion have one price
            return lambda right: lapack.lstsq(system, right)

    def solve(right: Array) -> Array:
        found = lu_solve(factors, right, check_finite=False)
        return found + lu_solve(factors, right - system @ found, check_finite=False)

    return solve
