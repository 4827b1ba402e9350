"""Expected shortfall of accounts with several positions under lognormal prices: one price analytically, the others by quadrature (THEORY 8.6).

Given the other prices, the loss of an account is a call or a put on the last one, whose value is Black and Scholes's. What is left to integrate
is smooth, so that the trapezoidal rule converges faster than any power: its steps are halved until nothing changes. numpy and scipy.special only.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import LawError
from .shortfall import mills_step

Array = NDArray[np.float64]
MOST_POSITIONS = 3  # integrated on a grid; beyond it the nodes would be too many
_SAME = 1e-10  # relative change at which steps are halved no more; what is left is then far below it
_SINGULAR = 1e-3  # conditional deviation, of a standard normal price, below which nothing smooths the rest
_RADIUS, _WIDEST = 9.0, 36.0  # of the grid, in standard deviations around the likeliest shortfall
_COARSEST = 0.5
_FINEST = {1: 2.0**-13, 2: 2.0**-5}  # by number of prices integrated numerically
_CHUNK = 2_000_000  # accounts x nodes held at once


class Accounts(NamedTuple):
    """Accounts of m positions each, the one that is integrated analytically last.

    notional (n, m) signed, equity (n,), deviation (n, m) of the log prices, root (n, m, m) lower triangular with root root' their correlation,
    order (n, m): where each position stood.
    """

    notional: Array
    equity: Array
    deviation: Array
    root: Array
    order: NDArray[np.int64]

    def rows(self, chosen: NDArray[np.bool_] | slice) -> "Accounts":
        return Accounts(*(field[chosen] for field in self))


def prepared(notional: Array, equity: Array, deviation: Array, correlation: Array) -> Accounts:
    """Positions reordered so that the last one moves the account most when the others are known.

    notional, deviation (n, m), equity (n,), correlation (n, m, m). Raises LawError where prices are so correlated that no position is left to smooth.
    """
    inverse = np.linalg.pinv(correlation, hermitian=True)
    own = np.where(np.linalg.matrix_rank(correlation, hermitian=True) == correlation.shape[-1], 1.0, 0.0)[:, None]
    own = own / np.sqrt(np.maximum(np.einsum("nkk->nk", inverse), 1e-300))  # deviation of each given the others
    weak = (own < _SINGULAR).any(axis=1)
    if weak.any():
        raise LawError(
            f"{weak.sum()} of {len(weak)} accounts hold prices that determine one another (correlation within 1e-6 of singular), first number "
            f"{int(np.argmax(weak)) + 1}; discretise the law: law.quadrature(20) or law.sample(4096, seed=1)"
        )
    last = np.argmax(np.abs(notional) * deviation * own, axis=1)
    n, m = notional.shape
    order = np.tile(np.arange(m), (n, 1))
    order[np.arange(n), last], order[:, -1] = m - 1, last
    row = np.arange(n)[:, None]
    permuted = correlation[np.arange(n)[:, None, None], order[:, :, None], order[:, None, :]]
    return Accounts(notional[row, order], equity, deviation[row, order], np.linalg.cholesky(permuted), order)


def integrated(accounts: Accounts, wanted: int) -> tuple[Array, ...]:
    """Expected shortfall (n,), its slope (n, m) and curvature (n, m, m) in the notionals, the first 1 + wanted of them; relative error 1e-10.

    Raises LawError for more than MOST_POSITIONS positions, or where halving the steps does not settle the value.
    """
    n, m = accounts.notional.shape
    if m > MOST_POSITIONS:
        raise LawError(
            f"LogNormal is integrated exactly for accounts of at most {MOST_POSITIONS} positions; {n} have {m}: discretise it, law.quadrature(20) or "
            "law.sample(4096, seed=1), or estimate with law.estimated_shortfall(exposure, equity)"
        )
    if m == 1:
        return _restored(accounts, _on_nodes(accounts, np.zeros((n, 1, 0)), np.ones((n, 1)), wanted))
    centre, step = _likeliest(accounts), np.full(n, _COARSEST)
    radius = _RADIUS + accounts.deviation.max(axis=1)
    value = np.full(n, np.nan)
    open_ = np.ones(n, dtype=bool)
    while open_.any():
        found, edge = _on_grids(accounts.rows(open_), centre[open_], step[open_], radius[open_], 0)[0:2]
        scale = np.abs(accounts.notional[open_]).sum(axis=1) + accounts.equity[open_]
        wide = (edge > 1e-12 * found + 1e-20 * scale) & (radius[open_] < _WIDEST)
        settled = ~wide & (np.abs(found - value[open_]) <= _SAME * found + 1e-18 * scale)
        where = np.flatnonzero(open_)
        value[where] = np.where(wide, np.nan, found)
        radius[where[wide]] *= 1.5
        open_[where[settled]] = False
        again = where[~settled & ~wide]
        step[again] /= 2
        stuck = step[again] < _FINEST[m - 1]
        if stuck.any():
            raise LawError(
                f"the expected shortfall of {stuck.sum()} accounts under LogNormal does not settle, first number {again[np.argmax(stuck)] + 1}: its "
                "prices are almost perfectly correlated; discretise the law: law.quadrature(20) or law.sample(4096, seed=1)"
            )
    if wanted == 0:
        return (value,)
    return _restored(accounts, _on_grids(accounts, centre, step, radius, wanted)[2:])


def estimated(accounts: Accounts, normals: Array) -> Array:
    """Expected shortfall (n,) by given normals (points, m - 1) for the prices that are not integrated analytically."""
    n, points = len(accounts.equity), len(normals)
    value = np.zeros(n)
    step = max(1, _CHUNK // points)
    for a in range(0, n, step):
        part = accounts.rows(slice(a, a + step))
        size = len(part.equity)
        nodes = np.broadcast_to(normals, (size, *normals.shape))
        value[a : a + step] = _on_nodes(part, nodes, np.full((size, points), 1 / points), 0)[0]
    return value


def _on_grids(accounts: Accounts, centre: Array, step: Array, radius: Array, wanted: int) -> tuple[Array, ...]:
    """(value (n,), what the outermost nodes add to it (n,), and what _on_nodes gives), each account on its own grid."""
    m = accounts.notional.shape[1]
    half = np.ceil(radius / step).astype(int)
    pieces: list[tuple[NDArray[np.int64], tuple[Array, ...]]] = []
    for count in np.unique(half):  # accounts with grids of one size together
        chosen = np.flatnonzero(half == count)
        line = np.arange(-count, count + 1)
        grid = np.stack([axis.ravel() for axis in np.meshgrid(*[line] * (m - 1), indexing="ij")], axis=1)
        outer = (np.abs(grid) == count).any(axis=1)
        per = max(1, _CHUNK // len(grid))
        for a in range(0, len(chosen), per):
            mine = chosen[a : a + per]
            nodes = centre[mine, None, :] + step[mine, None, None] * grid
            density = np.exp(-(nodes**2).sum(axis=2) / 2) * (step[mine, None] / np.sqrt(2 * np.pi)) ** (m - 1)
            part = accounts.rows(mine)
            terms = _on_nodes(part, nodes, density, wanted)
            edge = _on_nodes(part, nodes[:, outer], density[:, outer], 0)[0]
            pieces.append((mine, (terms[0], edge, *terms)))
    where = np.concatenate([mine for mine, _ in pieces])
    back = np.argsort(where, kind="stable")
    return tuple(np.concatenate(column)[back] for column in zip(*(terms for _, terms in pieces)))


def _on_nodes(accounts: Accounts, nodes: Array, weight: Array, wanted: int) -> tuple[Array, ...]:
    """Sums over nodes (n, J, m - 1) with weights (n, J) of the Black-Scholes value, slope and curvature; positions in the order of `accounts`."""
    from scipy.special import ndtr

    y, sd, root = accounts.notional, accounts.deviation, accounts.root
    own = root[:, -1, -1]
    others = np.einsum("nkl,njl->njk", root[:, :-1, :-1], nodes) * sd[:, None, :-1]
    moves = np.expm1(others - sd[:, None, :-1] ** 2 / 2)
    driven = np.einsum("nl,njl->nj", root[:, -1, :-1], nodes)
    mean = np.exp(sd[:, -1:] * driven - (sd[:, -1:] ** 2 / 2) * (1 - own[:, None] ** 2))
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
        # In the tail the two terms cancel; as a difference of Mills ratios they do not.
        thin = np.exp(-(np.where(np.isfinite(d1), d1, 0.0) ** 2) / 2) / np.sqrt(2 * np.pi) * np.abs(amount)
        thin = thin * mills_step(np.where(up, -d1, d2), tau)
    value = np.where((np.where(up, -d1, d2) > 0) & np.isfinite(thin), thin, np.maximum(value, 0.0))
    terms = [np.einsum("nj,nj->n", weight, value)]
    if wanted >= 1:
        price = mean * moved
        slope = -np.concatenate(
            [np.einsum("nj,njk->nk", weight * lost, moves), np.einsum("nj,nj->n", weight, price - lost)[:, None]], axis=1
        )
        terms.append(slope)
    if wanted >= 2:
        # What is lost crosses zero where the last price is `edge`, with this density.
        edge = strike * mean
        with np.errstate(divide="ignore", invalid="ignore"):
            density = np.exp(-(d2**2) / 2) / np.sqrt(2 * np.pi) / (tau * edge * np.abs(y[:, -1:]))
        density = np.where((strike > 0) & (amount != 0) & np.isfinite(density), density, 0.0) * weight
        at_edge = np.concatenate([moves, np.where(np.isfinite(edge), edge, 1.0)[:, :, None] - 1], axis=2)
        terms.append(np.einsum("nj,njk,njl->nkl", density, at_edge, at_edge, optimize=True))
    return tuple(terms)


def _likeliest(accounts: Accounts) -> Array:
    """About where a shortfall is likeliest, in the normals that are not integrated analytically, (n, m - 1): the centre of the grid."""
    y, sd = accounts.notional, accounts.deviation
    normal = np.einsum("nkl,nml->nkm", accounts.root, accounts.root)
    times = np.arange(0.5, 38.5, 0.5)
    sensitive, reached, centre = -y * sd, np.full(len(y), np.inf), np.zeros_like(y)
    for _ in range(4):  # towards the nearest point of the shortfall, from the gradient of the last one found
        toward = np.einsum("nkl,nl->nk", normal, sensitive)
        size = np.sqrt(np.maximum(np.einsum("nk,nk->n", sensitive, toward), 1e-300))
        direction = toward / size[:, None]
        prices = np.exp(sd[:, None, :] * direction[:, None, :] * times[:, None] - sd[:, None, :] ** 2 / 2)
        lost = -np.einsum("nk,ntk->nt", y, prices - 1) > accounts.equity[:, None]
        first = np.where(lost.any(axis=1), times[np.argmax(lost, axis=1)], np.inf)
        nearer = first < reached
        reached = np.where(nearer, first, reached)
        centre = np.where(nearer[:, None], direction * np.where(nearer, first, 0.0)[:, None], centre)
        sensitive = -y * sd * np.exp(sd * centre - sd**2 / 2)
        scale = np.abs(sensitive).max(axis=1, keepdims=True)
        sensitive = sensitive / np.where(scale > 0, scale, 1.0)
    return np.linalg.solve(accounts.root, centre[:, :, None])[:, :-1, 0]


def _restored(accounts: Accounts, terms: tuple[Array, ...]) -> tuple[Array, ...]:
    """Slopes and curvatures in the order in which the positions came."""
    back = np.argsort(accounts.order, axis=1)
    n = np.arange(len(back))
    if len(terms) > 1:
        terms = (terms[0], terms[1][n[:, None], back], *terms[2:])
    if len(terms) > 2:
        terms = (*terms[:2], terms[2][n[:, None, None], back[:, :, None], back[:, None, :]])
    return terms
