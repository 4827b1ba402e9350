"""CVaR of the total loss at scale: an interior point with accounts and scenarios eliminated by hand, on the scenarios that can be in the tail (THEORY 7).

minimise t + sum_s c_s max(L_s - t, 0) with c = probability / (1 - level): scenario s weighs c_s x omega_s, 0 <= omega <= 1, sum c omega = 1, and the rows of the
accounts share that weight instead of a probability. Scenarios below the tail weigh nothing. They are left out, looked at afterwards, and taken in where they matter.
numpy only.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from adl_opt.data.event import Event
from adl_opt.evaluation.batches import Batch, batches
from adl_opt.evaluation.symbols import Symbols
from adl_opt.interior import KEEP, Multipliers
from adl_opt.kinks import Kinks
from adl_opt.laws.base import Scenarios
from adl_opt.numerics import lapack
from adl_opt.pieces import Piece, reach
from adl_opt.quantile import WIDE, Quantile
from adl_opt.threads import filtered

Array = NDArray[np.float64]
_STEPS, _PATIENCE = 150, 25  # steps; steps without progress that end it
_SHORT, _AIM = 0.1, 0.5  # a step that reaches less far is taken without correction, towards this share of the mean product
_AHEAD = 1.5  # probability of the scenarios looked at, in units of the tail's, at least
_AT_LEAST = 64  # scenarios that are looked at
_CELLS = 65_536  # accounts x scenarios of a piece


class Tail(Kinks):
    """Some accounts with their rows: share + rest = omega of the scenario. Steps are told apart for what is closed (primal) and multipliers (dual)."""

    def __init__(self, event: Event, law: Scenarios, batch: Batch, number: NDArray[np.int64], cost: Array) -> None:
        super().__init__(event, law, batch, number)
        self.weight = cost[self.kept]

    def lost(self, scenarios: int) -> Array:
        """sigma, summed over accounts: the loss by scenario (S,)."""
        return self.by_scenario(self.sigma, scenarios)

    def by_scenario(self, rows: Array, scenarios: int) -> Array:
        total = np.zeros(scenarios)
        total[self.kept] = self.scale[:, 0] @ rows
        return total

    def weigh(self, omega: Array) -> None:
        """Multipliers in proportion to the weights of the scenarios."""
        omega = omega[self.kept]
        self.share, self.rest = self.share * omega, self.rest * omega
        self._measure()

    def astray(self, price: Array, unit: float) -> float:
        """What is left of the optimality conditions, charged on every leg (quote currency)."""
        dual = self.on * (self.slope / unit - price[self.asset]) - self.low + self.high
        return unit * float((self.size * self.on * np.abs(dual)).sum())

    def products(self, unit: float) -> float:
        own = self.on * (self.fraction * self.low + self.room * self.high)
        return unit * float((self.size * own).sum()) + self.slack()

    def build(self, unit: float, count: int, scenarios: int) -> tuple[Array, Array, Array, Array]:
        """(closed by asset, P'M^-1 P, Q'M^-1 P, diagonal and Q'M^-1 Q): the piece's part of the system in prices and scenario weights."""
        self.inner = self.share * self.sigma + self.above * self.rest
        self.bend = self.share * self.rest / self.inner
        weighted = self.bend / self.scale * self.weight
        curvature = np.empty((self.m, self.m, len(self.equity)))
        for k in range(self.m):
            for j in range(k + 1):
                pair = self.effect[k] * self.effect[j]
                curvature[k, j] = curvature[j, k] = weighted @ pair[0] if self.one else (weighted * pair).sum(axis=1)
        self.curvature = curvature.transpose(2, 0, 1)
        self.ahead = [np.zeros_like(self.fraction)] * 2
        closed, schur, _, _ = Piece.factor(self, unit, count)
        part = self.share * self.sigma / self.inner * (self.weight / unit)
        self.couple = [(self.side[k] * self.on[k])[:, None] * part * self.effect[k] for k in range(self.m)]  # Q: (m) of (n, K)
        inside = [sum(self.inverse[k, j][:, None] * self.couple[j] for j in range(self.m)) for k in range(self.m)]
        bent = sum(self.couple[k].T @ inside[k] for k in range(self.m))
        across = np.zeros((count, scenarios))
        for k in range(self.m):
            by_asset = np.zeros((count, len(self.kept)))
            for asset in np.unique(self.asset[k]):
                mine = self.asset[k] == asset
                by_asset[asset] = self.on[k][mine] @ np.asarray(inside[k])[mine]
            across[:, self.kept] += by_asset
        matrix = np.zeros((scenarios, scenarios))
        matrix[np.ix_(self.kept, self.kept)] = bent
        matrix[self.kept, self.kept] += self.weight / unit * (self.scale[:, 0] @ (self.sigma * self.above / self.inner))
        return closed, schur.reshape(count, count), across, matrix

    def right(self, target: float, unit: float, tau: float, count: int, scenarios: int, corrected: bool) -> tuple[Array, Array]:
        """The right sides of a step towards the central path at `target`: (P'M^-1 pull (assets,), loss gained less Q'M^-1 pull (scenarios,))."""
        goal = target * tau
        self.one_row, self.two_row = goal - self.share * self.above, goal - self.rest * self.sigma
        self.low_goal, self.high_goal = target * self.on, target * self.on
        if corrected:
            self.one_row = self.one_row - self.share_step * self.above_step
            self.two_row = self.two_row - self.rest_step * self.sigma_step
            self.low_goal = self.low_goal - self.moved * self.low_step
            self.high_goal = self.high_goal + self.moved * self.high_step
        turned = (self.rest * self.one_row - self.share * self.two_row) / self.inner
        slope = self.slope + self.side * self.on * self._by_position(turned)
        pull = self.on * slope / unit - self.low_goal / self.fraction + self.high_goal / self.room
        self.pull = [self._apply(pull)]
        gained = (self.above * self.two_row + self.sigma * self.one_row) / self.inner
        own = self.by_scenario(gained, scenarios)
        own[self.kept] *= self.weight / unit
        own[self.kept] -= sum((q * p[:, None]).sum(axis=0) for q, p in zip(self.couple, self.pull[0]))
        return self._by_asset(self.pull[0], count), own

    def turn(self, price: Array, omega: Array) -> tuple[float, float]:
        """The step when prices become `price` and scenario weights change by `omega`: how far it can be followed, primal and dual."""
        omega = omega[self.kept]
        right = self.on * price[self.asset] - np.stack([q @ omega for q in self.couple])
        self.moved = (self._apply(right) - self.pull[0]) / self.size
        change = self._moved_lost(self.moved)
        gained = self.above * self.two_row + self.sigma * self.one_row - self.sigma * self.above * omega
        self.sigma_step = (gained + self.sigma * self.share * change) / self.inner
        self.above_step = self.sigma_step - change
        turned = self.rest * self.one_row - self.share * self.two_row + self.sigma * self.share * omega
        self.share_step = self.bend * change + turned / self.inner
        self.rest_step = omega - self.share_step
        self.low_step = (self.low_goal - self.low * self.moved) / self.fraction - self.low
        self.high_step = (self.high_goal + self.high * self.moved) / self.room - self.high
        primal = reach(
            (self.fraction, self.moved), (self.room, -self.moved), (self.sigma, self.sigma_step), (self.above, self.above_step)
        )
        dual = reach(
            (self.low, self.low_step), (self.high, self.high_step), (self.share, self.share_step), (self.rest, self.rest_step)
        )
        return primal, dual

    def after(self, primal: float, dual: float, unit: float) -> float:
        """The products after a step of these lengths (quote currency)."""
        low, high = self.low + dual * self.low_step, self.high + dual * self.high_step
        own = self.on * ((self.fraction + primal * self.moved) * low + (self.room - primal * self.moved) * high)
        rows = (self.share + dual * self.share_step) * (self.above + primal * self.above_step)
        rows += (self.rest + dual * self.rest_step) * (self.sigma + primal * self.sigma_step)
        return unit * float((self.size * own).sum()) + float(((rows * self.scale) @ self.weight).sum())

    def walk(self, primal: float, dual: float) -> None:
        self.fraction, self.room = self.fraction + primal * self.moved, self.room - primal * self.moved
        self.sigma, self.above = self.sigma + primal * self.sigma_step, self.above + primal * self.above_step
        self.low, self.high = self.low + dual * self.low_step, self.high + dual * self.high_step
        self.share, self.rest = self.share + dual * self.share_step, self.rest + dual * self.rest_step
        self._measure()


class Coupled:
    """One problem: an event with something to decide, scenarios (aligned), what a unit of loss beyond the quantile costs in each, cost (S,), their sum above 1."""

    def __init__(self, event: Event, law: Scenarios, cost: Array) -> None:
        self.event, self.law, self.cost, self.interrupted = event, law, cost, False
        self.number = np.zeros(len(event.side), dtype=np.int64)
        self.number[event.free_assets] = np.arange(len(event.free_assets))
        self.count = len(event.free_assets)
        self.required = (event.required * event.book.price)[event.free_assets]
        self.weights, self.multipliers = np.zeros(len(cost)), None

    def solve(self, watch: Callable[[int, float], None] | None, accuracy: float) -> Array:
        """Fractions closed of the free legs (F,); then `weights` (S,) are those of the scenarios, `multipliers` those of the accounts' rows, both for a proof.

        accuracy: the gap, relative to the value, at which the method ends; it also ends where rounding allows nothing more. An interrupt keeps the best point.
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

    def _worst(self, loss: Array, share: float) -> NDArray[np.bool_]:
        """The worst scenarios, of `share` times the tail's probability at least."""
        order = np.argsort(-loss, kind="stable")
        cost = self.cost[order]
        inside = np.zeros(len(loss), dtype=bool)
        inside[order[np.cumsum(cost) - cost < share]] = True
        inside[order[:_AT_LEAST]] = True
        return inside & (self.cost > 0)

    def _begin(self, kept: NDArray[np.int64]) -> tuple[list[Tail], Array]:
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
                pieces.append(Tail(event, law, Batch(account[chosen], leg[chosen]), self.number, self.cost[kept]))
        return pieces, fixed

    def _inside(
        self, kept: NDArray[np.int64], watch: Callable[[int, float], None] | None, accuracy: float, step: int
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
        price = sum(piece._by_asset(piece.size * piece.slope, count) for piece in pieces) / weight / unit
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
                gap = products + sum(p.astray(price, unit) for p in pieces) + unit * float(np.abs(price) @ np.abs(astray))
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
                for stage in ("ahead", "corrected", "straight"):  # straight where the correction leads nowhere
                    if stage == "corrected":
                        after = sum(p.after(primal, dual, unit) for p in pieces) + quantile.after(primal, dual)
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
                    reaches.append(quantile.turn(turned, moved, sum(p.by_scenario(p.sigma_step, many) for p in pieces)))
                    primal, dual = min(r[0] for r in reaches), min(r[1] for r in reaches)
                primal, dual = min(1.0, KEEP * primal), min(1.0, KEEP * dual)
                for piece in pieces:
                    piece.walk(primal, dual)
                quantile.walk(primal, dual)
                price = price + dual * (prices - price)
        except np.linalg.LinAlgError:  # no driver solves the step: the best point so far, which proves what it can
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
        except (LinAlgWarning, np.linalg.LinAlgError):  # two assets that all accounts hold in one proportion have one price
            return lambda right: lapack.lstsq(system, right)

    def solve(right: Array) -> Array:
        found = lu_solve(factors, right, check_finite=False)
        return found + lu_solve(factors, right - system @ found, check_finite=False)

    return solve
