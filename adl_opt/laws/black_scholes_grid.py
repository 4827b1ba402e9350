"""The adaptive grid on which a cross-margin account's lognormal shortfall is integrated (THEORY 4)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from adl_opt.arrays import TINY, Array, Index, Mask
from adl_opt.errors import LawError
from adl_opt.numerics.tail_integrals import mills_step

_SAME = 1e-8  # relative change at which points are doubled no more; what is left is then below 1e-10
# Standard deviations beyond a known shortfall, and from 0, where nothing is looked for
_RADIUS, _WIDEST = 10.0, 38.5
_COARSEST = {
    1: 0.25,
    2: 0.75,
}  # step of the lattice that finds where anything is lost, by number of prices integrated numerically
# By number of prices integrated numerically: the trapezoidal rule by step, Gauss and Legendre's by points on
# each side of a kink.
_RULES = {
    1: [
        *(("even", 2.0**-k) for k in range(1, 5)),
        *(("split", 24 * 2**k) for k in range(6)),
        *(("even", 2.0**-k) for k in range(11, 14)),
    ],
    2: [
        *(("even", 2.0**-k) for k in range(1, 4)),
        *(("split", 24 * 2**k) for k in range(4)),
        *(("even", 2.0**-k) for k in range(4, 6)),
    ],
}
_EDGE = 0.45  # of a box, from its middle
_NOTHING = 1e-19  # of the largest contribution: nodes that do not count
CHUNK = 2_000_000  # accounts x nodes held at once


class Accounts(NamedTuple):
    """Accounts of m positions each, the one that is integrated analytically last.

    notional (n, m) signed, equity (n,), deviation (n, m) of the log prices, drift (n, m) of the log of the
    mean price, root (n, m, m) lower triangular with root root' their correlation, order (n, m): where each
    position stood.
    """

    notional: Array
    equity: Array
    deviation: Array
    drift: Array
    root: Array
    order: Index

    def rows(self, chosen: Index | slice) -> "Accounts":
        return Accounts(*(field[chosen] for field in self))

    @property
    def centre(self) -> Array:
        """The mean of the log prices, (n, m)."""
        return self.drift - self.deviation**2 / 2


class Grid(NamedTuple):
    """By account, for the normals that are not integrated analytically: a box, low and high (n, m - 1), and
    the number of its rule (n,).
    """

    low: Array
    high: Array
    rule: Index

    def rows(self, chosen: Index) -> "Grid":
        return Grid(self.low[chosen], self.high[chosen], self.rule[chosen])

    def rougher(self, rules: int) -> "Grid":
        return self._replace(rule=self.rule - rules)


def put_rows(table: Array, rows: Mask, values: Array) -> Array:
    table = table.copy()
    table[rows] = values
    return table


def settled(accounts: Accounts) -> tuple[Grid, Array]:
    """Grids whose rule and the one before it agree, and the expected shortfall there, (n,)."""
    n = len(accounts.equity)
    rules = _RULES[accounts.notional.shape[1] - 1]
    grid = _around_what_is_lost(accounts)
    value, before = np.full(n, np.nan), np.full(n, np.nan)
    left = np.arange(n)
    for number, (kind, _) in enumerate(rules):
        grid.rule[left] = number
        now = on_grid(accounts.rows(left), grid.rows(left), 0)[0]
        # Both rules converge faster than any power: where twice the points change 1e-8, twice as many again
        # change less than 1e-10.
        comparable = number > 0 and rules[number - 1][0] == kind
        same = (np.abs(now - before[left]) <= _SAME * now) & comparable
        before[left] = now
        value[left[same]] = now[same]
        left = left[~same]
        if not left.size:
            return grid, value
    raise LawError(
        f"the expected shortfall of {len(left)} of {n} accounts under LogNormal does not settle, first "
        f"number {int(left[0]) + 1}: its prices are almost "
        "perfectly correlated, or so volatile that one alone decides; discretise the law: "
        "law.sample(4096, seed=1)"
    )


def _around_what_is_lost(accounts: Accounts) -> Grid:
    """Boxes outside of which next to nothing is lost.

    Whatever is lost lies no nearer to 0 than the nearest shortfall, and next to nothing of it _RADIUS
    deviations beyond a shortfall that is known: all arms of a shortfall are inside, wherever they point. A
    coarse lattice then tells which part of that box counts.
    """
    n, m = accounts.notional.shape
    radius = np.minimum(_likeliest(accounts) + _RADIUS + accounts.deviation.max(axis=1), _WIDEST)
    step = _COARSEST[m - 1]
    low, high = np.zeros((n, m - 1)), np.zeros((n, m - 1))
    half = np.ceil(radius / step).astype(np.int64)
    for count in np.unique(half):
        chosen = np.flatnonzero(half == count)
        line = step * np.arange(-count, count + 1)
        lattice = np.stack([axis.ravel() for axis in np.meshgrid(*[line] * (m - 1), indexing="ij")], axis=1)
        per = max(1, CHUNK // len(lattice))
        for a in range(0, len(chosen), per):
            mine = chosen[a : a + per]
            nodes = np.broadcast_to(lattice, (len(mine), *lattice.shape))
            weight = np.broadcast_to(np.exp(-(lattice**2).sum(axis=1) / 2), nodes.shape[:2])
            value = on_nodes(accounts.rows(mine), nodes, weight, -1)[0]
            seen = (value > _NOTHING * value.max(axis=1, keepdims=True))[:, :, None]
            low[mine] = np.where(seen, nodes, np.inf).min(axis=1)
            high[mine] = np.where(seen, nodes, -np.inf).max(axis=1)
    some = np.isfinite(low)
    low, high = np.where(some, low, 0.0) - 2 * step, np.where(some, high, 0.0) + 2 * step
    return Grid(low, high, np.zeros(n, dtype=np.int64))


def _nodes(accounts: Accounts, grid: Grid) -> Iterator[tuple[Index, Array, Array, Mask]]:
    """(accounts, their nodes (n, J, m - 1), weights (n, J), whether a node is near the edge of its box), as
    many accounts as fit into memory.
    """
    m = accounts.notional.shape[1]
    for number in np.unique(grid.rule):
        kind, size = _RULES[m - 1][number]
        chosen = np.flatnonzero(grid.rule == number)
        if kind == "split":
            per = max(1, CHUNK // (2 * int(size)) ** (m - 1))
            for a in range(0, len(chosen), per):
                mine = chosen[a : a + per]
                yield mine, *_split(accounts.rows(mine), grid.rows(mine), int(size))
            continue
        count = np.ceil((grid.high[chosen] - grid.low[chosen]) / size / 8).astype(np.int64) * 8
        shapes, group = np.unique(count, axis=0, return_inverse=True)
        for k, shape in enumerate(shapes):
            alike = chosen[group.ravel() == k]
            lattice = np.stack(
                [axis.ravel() for axis in np.meshgrid(*[np.arange(c + 1) for c in shape], indexing="ij")],
                axis=1,
            )
            edge = (np.abs(lattice / shape - 0.5) > _EDGE).any(axis=1)
            per = max(1, CHUNK // len(lattice))
            for a in range(0, len(alike), per):
                mine = alike[a : a + per]
                nodes = grid.low[mine, None, :] + size * lattice
                weight = np.exp(-(nodes**2).sum(axis=2) / 2) * (size / np.sqrt(2 * np.pi)) ** (m - 1)
                yield mine, nodes, weight, np.broadcast_to(edge, weight.shape)


def _split(accounts: Accounts, grid: Grid, points: int) -> tuple[Array, Array, Mask]:
    """Gauss and Legendre's nodes on both sides of where the loss would begin if the prices not yet known were
    0, crowded towards it.

    There the loss has a kink where those prices matter little: on one arm of a shortfall another price
    decides than the one that is integrated analytically.
    """
    n, m = accounts.notional.shape
    s, w = np.polynomial.legendre.leggauss(points)
    s, w = (s + 1) / 2, w / 2
    share, rate = (
        np.concatenate([-(s[::-1] ** 3), s**3]),
        np.concatenate([3 * s[::-1] ** 2 * w[::-1], 3 * s**2 * w]),
    )
    known, weight, edge = np.zeros((n, 1, 0)), np.ones((n, 1)), np.zeros((n, 1), dtype=bool)
    for k in range(m - 1):
        middle = _begins(accounts, known, k)
        first, last = grid.low[:, k, None], grid.high[:, k, None]
        middle = np.where((middle > first) & (middle < last), middle, (first + last) / 2)
        length = np.where(share < 0, (middle - first)[:, :, None], (last - middle)[:, :, None])
        node = middle[:, :, None] + share * length
        size = rate * length * np.exp(-(node**2) / 2) / np.sqrt(2 * np.pi)
        near = np.abs((node - first[:, :, None]) / (last - first)[:, :, None] - 0.5) > _EDGE
        known = np.concatenate(
            [np.broadcast_to(known[:, :, None, :], (*node.shape, k)), node[:, :, :, None]], axis=3
        )
        known = known.reshape(n, -1, k + 1)
        weight = (weight[:, :, None] * size).reshape(n, -1)
        edge = (edge[:, :, None] | near).reshape(n, -1)
    return known, weight, edge


def _begins(accounts: Accounts, known: Array, k: int) -> Array:
    """Where normal k makes the loss begin, given the normals before it and all later prices 0: (n, J); nan
    where it does not.
    """
    y, sd, root, centre = accounts.notional, accounts.deviation, accounts.root, accounts.centre
    before = np.einsum("nkl,njl->njk", root[:, :k, :k], known) * sd[:, None, :k] + centre[:, None, :k]
    left = (
        y[:, k + 1 :].sum(axis=1)[:, None]
        - accounts.equity[:, None]
        - np.einsum("nk,njk->nj", y[:, :k], np.expm1(before))
    )
    with np.errstate(all="ignore"):
        normal = (np.log1p(left / y[:, k, None]) - centre[:, k, None]) / sd[:, k, None]
        return (normal - np.einsum("nl,njl->nj", root[:, k, :k], known)) / root[:, k, k, None]


def on_grid(accounts: Accounts, grid: Grid, wanted: int) -> tuple[Array, ...]:
    """What on_nodes gives, each account on its own grid; last the part of the value that lies near the edges,
    (n,).
    """
    pieces = []
    for mine, nodes, weight, edge in _nodes(accounts, grid):
        *terms, each = on_nodes(accounts.rows(mine), nodes, weight, wanted)
        pieces.append((mine, (*terms, np.where(edge, each, 0.0).sum(axis=1))))
    back = np.argsort(np.concatenate([mine for mine, _ in pieces]), kind="stable")
    return tuple(np.concatenate(column)[back] for column in zip(*(terms for _, terms in pieces)))


def on_nodes(accounts: Accounts, nodes: Array, weight: Array, wanted: int) -> tuple[Array, ...]:
    """Sums over nodes (n, J, m - 1) with weights (n, J) of the Black-Scholes value, slope and curvature;
    positions in the order of `accounts`.

    Last, what each node adds to the value, (n, J); wanted = -1: that alone.
    """
    from scipy.special import ndtr

    y, sd, root = accounts.notional, accounts.deviation, accounts.root
    own = root[:, -1, -1]
    others = np.einsum("nkl,njl->njk", root[:, :-1, :-1], nodes) * sd[:, None, :-1]
    moves = np.expm1(others + accounts.centre[:, None, :-1])
    driven = np.einsum("nl,njl->nj", root[:, -1, :-1], nodes)
    mean = np.exp(sd[:, -1:] * driven + accounts.centre[:, -1:] + (sd[:, -1:] * own[:, None]) ** 2 / 2)
    tau = (sd[:, -1] * own)[:, None]
    amount = -y[:, -1:] * mean  # loss - equity = amount x lognormal of mean 1 + rest
    rest = y[:, -1:] - np.einsum("nk,njk->nj", y[:, :-1], moves) - accounts.equity[:, None]
    up = amount >= 0
    side = np.where(up, 1.0, -1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        strike = np.maximum(-side * rest, 0.0) / np.abs(amount)
        d1 = np.where(strike > 0, -np.log(strike) / tau, np.inf) + tau / 2
        d1 = np.where(amount == 0, np.where(rest > 0, np.inf, -np.inf), d1)
        d2 = d1 - tau
        lost, moved = ndtr(side * d2), ndtr(side * d1)
        value = np.where(np.isfinite(d1), amount, np.where(moved > 0, amount, 0.0)) * moved + rest * lost
    value = np.maximum(value, 0.0)
    if wanted < 2:
        # In the tail the two terms cancel; as a difference of Mills ratios they do not.
        out = np.where(up, -d1, d2)
        tail = np.nonzero((out > 0) & np.isfinite(d1))
        with np.errstate(over="ignore", invalid="ignore"):
            thin = np.exp(-(d1[tail] ** 2) / 2) / np.sqrt(2 * np.pi) * np.abs(amount[tail])
            thin = thin * mills_step(out[tail], np.broadcast_to(tau, out.shape)[tail])
        value[tail] = np.where(np.isfinite(thin), thin, value[tail])
    value *= weight
    if wanted < 0:
        return (value,)
    terms = [value.sum(axis=1)]
    if wanted >= 1:
        price = mean * moved
        slope = -np.concatenate(
            [
                np.einsum("nj,njk->nk", weight * lost, moves),
                np.einsum("nj,nj->n", weight, price - lost)[:, None],
            ],
            axis=1,
        )
        terms.append(slope)
    if wanted >= 2:
        # What is lost crosses zero where the last price is `edge`, with this density.
        edge = strike * mean
        with np.errstate(divide="ignore", invalid="ignore"):
            density = np.exp(-(d2**2) / 2) / np.sqrt(2 * np.pi) / (tau * edge * np.abs(y[:, -1:]))
        density = np.where((strike > 0) & (amount != 0) & np.isfinite(density), density, 0.0) * weight
        at_edge = np.concatenate([moves, np.where(np.isfinite(edge), edge, 1.0)[:, :, None] - 1], axis=2)
        terms.append(np.swapaxes(at_edge * density[:, :, None], 1, 2) @ at_edge)
    return (*terms, value)


def _likeliest(accounts: Accounts) -> Array:
    """The distance (n,) from 0, in independent normals, of a shortfall that is as likely as can be found;
    infinite where none is.
    """
    y, sd, centre = accounts.notional, accounts.deviation, accounts.centre
    m = y.shape[1]
    normal = np.einsum("nkl,nml->nkm", accounts.root, accounts.root)
    times = np.arange(0.25, 38.5, 0.25)
    reached = np.full(len(y), np.inf)
    starts = [-y * sd, *(np.tile(side * np.eye(m)[k], (len(y), 1)) for k in range(m) for side in (1.0, -1.0))]
    for start in starts:
        sensitive = start
        for _ in range(
            3
        ):  # towards the nearest point of the shortfall, from the gradient at the last one found
            toward = np.einsum("nkl,nl->nk", normal, sensitive)
            size = np.sqrt(np.maximum(np.einsum("nk,nk->n", sensitive, toward), TINY))
            direction = toward / size[:, None]
            prices = np.exp(sd[:, None, :] * direction[:, None, :] * times[:, None] + centre[:, None, :])
            lost = -np.einsum("nk,ntk->nt", y, prices - 1) > accounts.equity[:, None]
            first = np.where(lost.any(axis=1), times[np.argmax(lost, axis=1)], np.inf)
            reached = np.minimum(reached, first)
            at = direction * np.where(np.isfinite(first), first, 1.0)[:, None]
            sensitive = -y * sd * np.exp(sd * at + centre)
            scale = np.abs(sensitive).max(axis=1, keepdims=True)
            sensitive = sensitive / np.where(scale > 0, scale, 1.0)
    return reached
