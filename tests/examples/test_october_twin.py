"""The made-up twin of October 2025: its published figures, the same bytes for a seed."""

import numpy as np
import pytest

import adl_opt as adl
from tests.tolerances import TOL


def test_the_twin_has_the_published_figures():
    """Counts exactly; shares and quantiles within 5 %."""
    twin = adl.examples.twin()
    assert (len(twin.wave), len(twin.accounts), len(twin.assets), len(twin.labels)) == (
        34_983,
        19_337,
        162,
        12,
    )
    leverage = np.abs(twin.position) * twin.price / twin.equity
    assert np.quantile(leverage, [0.5, 0.95, 0.99]) == pytest.approx([0.196, 5.10, 122.7], rel=0.05)
    notional = np.abs(twin.position) * twin.price
    first = np.unique(twin.account * 162 + twin.asset, return_index=True)[1]
    closed = (np.abs(twin.realized) * twin.price).sum()
    assert closed == pytest.approx(2.103e9, rel=TOL.formula) and closed / notional[
        first
    ].sum() == pytest.approx(0.897, rel=0.01)
    assert ((twin.realized <= 0) & (twin.realized >= twin.position)).all()


def test_the_same_seed_gives_the_same_bytes():
    one, two, other = (adl.examples.twin(seed, 0.01) for seed in (4, 4, 5))
    for name in ("wave", "account", "asset", "position", "equity", "price", "realized"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.position.tobytes() != other.position.tobytes() and len(one.wave) == 350


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_at_the_end_is_enough_but_for_rounding(seed):
    """Each asset's requirements sum to what is left to every policy: nothing is missing, though the last ones
    may be dust.
    """
    given = adl.examples.twin(seed, 0.2).isolated()
    result = adl.replay(given, [adl.pro_rata, adl.water_filling])
    assert (result.to_frame()["missing"] == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_twin_replays(seed):
    result = adl.replay(adl.examples.twin(seed, 1e-3), [adl.pro_rata, adl.gross_water_filling])
    assert (result.to_frame()["missing"] == 0).all() and len(result.total()) == 3
