"""Shared fixtures."""

import os

import numpy as np
import pytest
from hypothesis import settings

import adl_opt as adl
from tests.books import FULL

# In a shell that a notebook started it names the notebook's backend, without which matplotlib is not
# imported.
os.environ.pop("MPLBACKEND", None)

# `make test` is the same every time; `make fuzz` looks for new examples.
settings.register_profile("adl_opt", derandomize=not FULL, deadline=None)
settings.load_profile("adl_opt")


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
