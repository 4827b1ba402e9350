"""Both sides of one symbol in an account: solved, certified and stored like any other legs."""

import numpy as np
import pandas as pd
import pytest

import adl_opt as adl
from tests.books import book, count
from tests.tolerances import TOL

BOOK = book(
    [("h", "ETH", 6.0, 2e3, 5000.0), ("h", "ETH", -2.0, 2e3, 5000.0), ("k", "ETH", -5.0, 2e3, 4000.0),
     ("h", "BTC", 0.1, 5e4, 5000.0), ("k", "BTC", -0.2, 5e4, 4000.0), ("m", "ETH", -3.0, 2e3, 3000.0)]
)  # fmt: skip
EVENT = adl.Event(BOOK, short={"ETH": 5.5})
LOGNORMAL = adl.LogNormal({"ETH": 0.9, "BTC": 0.6}, 0.8, 30 / 365)
LAWS = (LOGNORMAL, LOGNORMAL.sample(200, seed=1), adl.Gaussian(np.array([[0.02, 0.01], [0.01, 0.01]])))


def netted(amount):
    """Exposure (3, 2) left by account and asset, by hand."""
    left = np.sign(BOOK.position) * (np.abs(BOOK.position) - amount) * BOOK.price[BOOK.asset]
    of = [[(BOOK.account == i) & (BOOK.asset == k) for k in range(2)] for i in range(3)]
    return np.array([[left[legs].sum() for legs in row] for row in of])


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_methods_agree_on_the_least_loss_of_the_nets(law):
    answers = [adl.Problem(adl.ExpectedLoss(), EVENT, law).solve(method=m) for m in ("separable", "conic")]
    assert all(a.certificate.certified for a in answers)
    one, two = (a.certificate.value for a in answers)
    assert one == pytest.approx(two, rel=1e-6)
    aligned = law.for_book(BOOK)
    found = aligned.expected_shortfall(netted(answers[0].amount), BOOK.equity).sum()
    assert one == pytest.approx(found, rel=TOL.rounding * 1e4)
    rng = np.random.default_rng(1)
    for _ in count(200):
        share = rng.dirichlet([1, 1, 1]) * 5.5
        if (share <= [2, 5, 3]).all():
            amount = np.zeros(6)
            amount[(BOOK.position < 0) & (BOOK.asset == 0)] = share
            loss = aligned.expected_shortfall(netted(amount), BOOK.equity).sum()
            assert loss >= one * (1 - 1e-9)


def test_exposures_are_nets_and_leverage_is_gross():
    class Net(adl.Objective):
        """Of account h in ETH, over its equity."""

        money = 0

        def express(self, m):
            return -m.exposure[0, 0] / m.equity[0]

        def value(self, m):
            return -m.exposure[0, 0] / m.equity[0]

    allocation = adl.Problem(Net(), EVENT).solve()
    closed = allocation.closed_by_leg
    assert allocation.certificate.value * 5000 == pytest.approx(-(6 - 2 - closed[1]) * 2000, rel=1e-6)
    assert BOOK.leverage["h"] == (12_000 + 4_000 + 5_000) / 5000


def test_the_sign_of_closed_says_which_leg(tmp_path):
    allocation = adl.Problem(adl.ExpectedLoss(), EVENT, LAWS[1]).solve()
    frame = allocation.to_frame()
    assert adl.certify(adl.ExpectedLoss(), EVENT, LAWS[1], frame).certified
    table = pd.DataFrame({"account": ["h", "k"], "asset": "ETH", "closed": [-2.0, -3.5]})
    certificate = adl.certify(adl.ExpectedLoss(), EVENT, LAWS[1], table)
    assert certificate.status == "uncertified" and certificate.clearing_error == 0
    wrong = adl.certify(adl.ExpectedLoss(), EVENT, LAWS[1], table.assign(closed=[2.0, -3.5]))
    assert wrong.status == "infeasible"  # the long leg is not on the side that is closed
    with pytest.raises(adl.AllocationError, match=r"'h', asset 'ETH'.* is listed twice"):
        adl.certify(adl.ExpectedLoss(), EVENT, LAWS[1], pd.concat([table, table]))
    allocation.save(tmp_path / "a.json")
    np.testing.assert_array_equal(adl.Allocation.load(tmp_path / "a.json").amount, allocation.amount)


def test_slopes_of_a_net_are_those_of_each_of_its_legs():
    law = LOGNORMAL.for_book(BOOK)
    asset, notional = np.array([[0, 0, 1], [0, 1, 0]]), np.array([[12e3, -4e3, 5e3], [-9e3, 3e3, 1e3]])
    equity = np.array([5000.0, 4000.0])
    nets = np.array([[8e3, 5e3], [-8e3, 3e3]])
    whole = law.shortfall_terms(np.array([[0, 1], [0, 1]]), nets, equity, 2)
    for terms in (law.shortfall_terms(asset, notional, equity, 2), law.terms_on(asset)(notional, equity, 2)):
        assert terms[0] == pytest.approx(whole[0], rel=1e-12)
        for i in range(2):
            assert terms[1][i] == pytest.approx(whole[1][i][asset[i]], rel=1e-9)
            assert terms[2][i] == pytest.approx(whole[2][i][np.ix_(asset[i], asset[i])], rel=1e-8)
