"""Expected shortfall of accounts with several positions under lognormal prices: one price analytically, the
others by quadrature (THEORY 8.6).

Given the other prices, the loss of an account is a call or a put on the last one, whose value is Black and
Scholes's. What is left to integrate is smooth, or smooth on either side of where the loss begins: the
trapezoidal rule, or Gauss and Legendre's, converges faster than any power, and points are doubled until
nothing changes. numpy and scipy.special only.
"""

import numpy as np

from adl_opt.arrays import TINY, Array
from adl_opt.errors import LawError
from adl_opt.laws.black_scholes_grid import CHUNK, Accounts, Grid, on_grid, on_nodes, put_rows, settled
from adl_opt.laws.validation import understood
from adl_opt.numerics import lapack

MOST_POSITIONS = 3  # integrated on a grid; beyond it the nodes would be too many
_SINGULAR = 1e-3  # conditional deviation, of a standard normal price, below which nothing smooths the rest


def prepared(notional: Array, equity: Array, deviation: Array, correlation: Array, drift: Array) -> Accounts:
    """Positions reordered so that the last one moves the account most when the others are known.

    notional, deviation, drift (n, m), equity (n,), correlation (n, m, m). Raises LawError where prices are so
    correlated that no position is left to smooth.
    """
    with understood("the correlation of an account's prices"):
        inverse, regular = lapack.inverse_diagonal(correlation, correlation.shape[-1] * np.finfo(float).eps)
    own = np.where(
        regular[:, None], 1 / np.sqrt(np.maximum(inverse, TINY)), 0.0
    )  # deviation of each given the others
    weak = (own < _SINGULAR).any(axis=1)
    if weak.any():
        raise LawError(
            f"{weak.sum()} of {len(weak)} accounts hold prices that determine one another (correlation "
            "within 1e-6 of singular), first number "
            f"{int(np.argmax(weak)) + 1}; discretise the law, law.sample(4096, seed=1), or say "
            "adl.OneFactor if one factor moves them"
        )
    last = np.argmax(np.abs(notional) * deviation * own, axis=1)
    n, m = notional.shape
    order = np.tile(np.arange(m), (n, 1))
    order[np.arange(n), last], order[:, -1] = m - 1, last
    row = np.arange(n)[:, None]
    permuted = correlation[np.arange(n)[:, None, None], order[:, :, None], order[:, None, :]]
    with understood("the correlation of an account's prices"):
        root = lapack.lower_root(permuted)
    return Accounts(notional[row, order], equity, deviation[row, order], drift[row, order], root, order)


def integrated(accounts: Accounts, wanted: int) -> tuple[Array, ...]:
    """Expected shortfall (n,), its slope (n, m) and curvature (n, m, m) in the notionals, the first 1 +
    wanted of them; relative error about 1e-10 (tested to 1e-9).

    Raises LawError for more than MOST_POSITIONS positions, or where more points do not settle the value.
    """
    n, m = accounts.notional.shape
    if m > MOST_POSITIONS:
        raise LawError(
            f"LogNormal is integrated exactly for accounts of at most {MOST_POSITIONS} positions, and {n} "
            f"have {m}; discretise the law: "
            "law.sample(4096, seed=1)"
        )
    if m == 1:
        return _restored(accounts, on_nodes(accounts, np.zeros((n, 1, 0)), np.ones((n, 1)), wanted)[:-1])
    grid, value = settled(accounts)
    return (value,) if wanted == 0 else _restored(accounts, on_grid(accounts, grid, wanted)[:-1])


class CachedIntegrator:
    """Integrator with a cache: the adaptive grid of an account is reused while more than 99.99 % of the
    integral lies inside it.

    rougher: 0 for the rule that `integrated` takes, 1 for the one before, a quarter of its points, which is
    enough to come near an optimum.
    """

    def __init__(self, deviation: Array, correlation: Array, drift: Array, rougher: int) -> None:
        self._of, self._rougher = (deviation, correlation, drift), rougher
        self._known: tuple[Accounts, Grid] | None = None

    def __call__(self, notional: Array, equity: Array, wanted: int) -> tuple[Array, ...]:
        """As `integrated`; positions in the order of the deviations (n, m)."""
        m = notional.shape[1]
        if m == 1 or m > MOST_POSITIONS:
            return integrated(prepared(notional, equity, *self._of), wanted)
        if self._known is None:
            accounts = prepared(notional, equity, *self._of)
            self._known = accounts, settled(accounts)[0].rougher(self._rougher)
        accounts, grid = self._known
        accounts = accounts._replace(
            notional=np.take_along_axis(notional, accounts.order, axis=1), equity=equity
        )
        terms = on_grid(accounts, grid, wanted)
        pull = (
            np.abs(accounts.notional)
            * accounts.deviation
            * np.abs(np.diagonal(accounts.root, axis1=1, axis2=2))
        )
        # What is lost has left the grid, or the position that smoothed it is all but closed.
        stale = (terms[-1] > 1e-4 * terms[0]) | (terms[0] == 0) | (pull[:, -1] < 0.2 * pull.max(axis=1))
        if stale.any():
            fresh = prepared(notional[stale], equity[stale], *(each[stale] for each in self._of))
            renewed = settled(fresh)[0].rougher(self._rougher)
            accounts = Accounts(*(put_rows(old, stale, new) for old, new in zip(accounts, fresh)))
            grid = Grid(*(put_rows(old, stale, new) for old, new in zip(grid, renewed)))
            again = on_grid(fresh, renewed, wanted)
            terms = tuple(put_rows(old, stale, new) for old, new in zip(terms, again))
            self._known = accounts, grid
        return _restored(accounts, terms[:-1])


def estimated(accounts: Accounts, normals: Array) -> Array:
    """Expected shortfall (n,) by given normals (points, m - 1) for the prices that are not integrated
    analytically.
    """
    n, points = len(accounts.equity), len(normals)
    value = np.zeros(n)
    step = max(1, CHUNK // points)
    for a in range(0, n, step):
        part = accounts.rows(slice(a, a + step))
        size = len(part.equity)
        nodes = np.broadcast_to(normals, (size, *normals.shape))
        value[a : a + step] = on_nodes(part, nodes, np.full((size, points), 1 / points), 0)[0]
    return value


def _restored(accounts: Accounts, terms: tuple[Array, ...]) -> tuple[Array, ...]:
    """Slopes and curvatures in the order in which the positions came."""
    back = np.argsort(accounts.order, axis=1)
    n = np.arange(len(back))
    if len(terms) > 1:
        terms = (terms[0], terms[1][n[:, None], back], *terms[2:])
    if len(terms) > 2:
        terms = (*terms[:2], terms[2][n[:, None, None], back[:, :, None], back[:, None, :]])
    return terms
