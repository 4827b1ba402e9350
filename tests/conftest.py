"""Shared fixtures."""

import numpy as np
import pytest

import adl_opt as adl


@pytest.fixture
def paper() -> adl.Event:
    """The paper's four accounts, 10 BTC of shorts to close."""
    return adl.load("cross_margin").event(4, 0)


@pytest.fixture
def law() -> adl.Scenarios:
    """The paper's law: lognormal, 20 x 20 Gauss-Hermite."""
    return adl.LogNormal([0.6, 0.75], 0.85, 10 / 365).quadrature(20)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
