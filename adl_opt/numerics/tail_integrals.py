"""Expected shortfall E(loss - equity)_+ of one account in closed form: normal, Student t, lognormal (THEORY
4).

numpy and scipy.special only. Everything is vectorised; z = equity / volatility is a pure number.
"""

import numpy as np

from adl_opt.arrays import Array

UNIT = 2.0**-53  # unit roundoff: the relative error of one operation
_ROOT_TWO_PI = np.sqrt(2 * np.pi)
# Of the continued fraction, which converges faster than any power from there on
_NEAR, _FRACTION_TERMS = 6.0, 25
_TAIL_NODES = 100
_FAR = 1e150  # beyond it z * z is not a float; every tail here is 0 to all digits


def normal_excess(z: Array) -> Array:
    """E(T - z)_+ for standard normal T; (n,) -> (n,).

    Relative error about 1e-14 as far as floats go, z = 38 (THEORY 4).
    """
    z = np.asarray(z, float)
    magnitude = np.abs(z)
    excess = np.exp(-(magnitude**2) / 2) / _ROOT_TWO_PI * _share(magnitude)
    return np.where(z < 0, magnitude + excess, excess)


def normal_log_excess(z: Array) -> Array:
    """The natural logarithm of `normal_excess`, absolute error about 1e-13 of z^2 / 2; it goes on where the
    excess itself is too small for a float.
    """
    z = np.asarray(z, float)
    with np.errstate(divide="ignore"):
        far = -(z**2) / 2 - np.log(_ROOT_TWO_PI) + np.log(_share(np.abs(z)))
    return np.where(z < 0, np.log(normal_excess(np.minimum(z, 0.0))), far)


def _share(z: Array) -> Array:
    """1 - z Mills(z), z >= 0: what z P(T > z) leaves of the density."""
    from scipy.special import erfcx

    near = np.minimum(z, _NEAR)
    share = 1 - near * (np.sqrt(np.pi / 2) * erfcx(near / np.sqrt(2)))  # cancels further out
    far = z >= _NEAR
    if far.any():
        t = z[far]
        c = np.zeros_like(t)
        for k in range(_FRACTION_TERMS, 0, -1):
            c = k / (t + c)
        share[far] = c / (t + c)
    return share


def normal_tail(z: Array) -> tuple[Array, Array]:
    """m(z) = E(T; T > z) and P(T > z) of the standard normal."""
    from scipy.special import ndtr

    return np.exp(-(z**2) / 2) / _ROOT_TWO_PI, ndtr(-z)


def student_tail(z: Array, dof: float) -> tuple[Array, Array]:
    """m(z) = E(T; T > z) and P(T > z) of Student t with dof > 1 degrees of freedom."""
    from scipy.special import stdtr

    z = np.clip(z, -_FAR, _FAR)
    return (dof + z * z) / (dof - 1) * _student_density(z, dof), stdtr(dof, -z)


def student_excess(z: Array, dof: float) -> Array:
    """E(T - z)_+ of Student t, dof > 1; relative error about 1e-13 also where dof is large and z far out.

    m(z) - z P(T > z) cancels there; the integral of u f(z + u) du, by Gauss-Legendre on a scale that follows
    the tail, does not.
    """
    z = np.clip(np.asarray(z, float), -_FAR, _FAR)
    first, tail = student_tail(z, dof)
    excess = np.maximum(first - z * tail, 0.0)
    far = z >= 1
    if dof < 5 or not far.any():
        return excess
    t = z[far]
    scale = (dof + t * t) / ((dof + 1) * t)
    total = np.zeros_like(t)
    for node, weight in zip(*np.polynomial.legendre.leggauss(_TAIL_NODES)):
        v = (1 + node) / 2
        u = scale * v / (1 - v)
        total += (
            weight
            / 2
            / (1 - v) ** 2
            * v
            / (1 - v)
            * np.exp(-(dof + 1) / 2 * np.log1p(u * (2 * t + u) / (dof + t * t)))
        )
    excess[far] = _student_density(t, dof) * scale**2 * total
    return excess


def _student_density(z: Array, dof: float) -> Array:
    from scipy.special import gammaln

    half = dof / 2
    if half < 100:
        ratio = gammaln(half + 0.5) - gammaln(half)
    else:  # the difference of log-gammas cancels; its series does not
        series = (-1 / 8, 1 / 128, 5 / 1024, -21 / 32768, -399 / 262144)
        ratio = 0.5 * np.log(half) + np.log1p(sum(c / half**k for k, c in enumerate(series, 1)))
    return np.exp(ratio - 0.5 * np.log(dof * np.pi) - (dof + 1) / 2 * np.log1p(z * z / dof))


def lognormal_shortfall(exposure: Array, equity: Array, deviation: Array) -> tuple[Array, Array]:
    """E(-exposure R - equity)_+ for R = exp(deviation Z - deviation^2/2) - 1, and its slope in exposure.

    exposure (n,) signed (long > 0), equity (n,) > 0, deviation (n,) > 0 = volatility sqrt(horizon). A short
    is a call struck at 1 + equity/|exposure|, a long a put struck at 1 - equity/exposure (Black-Scholes, zero
    rate).
    """
    from scipy.special import ndtr

    value, slope = np.zeros_like(exposure), np.zeros_like(exposure)
    size = np.abs(exposure)
    short, long = exposure < 0, exposure > equity
    at_risk = short | long
    if not at_risk.any():
        return value, slope
    y, sd, up = size[at_risk], deviation[at_risk], short[at_risk]
    strike = np.where(up, 1.0, -1.0) * equity[at_risk] / y
    with np.errstate(divide="ignore"):
        d1 = -np.log1p(strike) / sd + sd / 2
    d2 = d1 - sd
    price = np.where(up, ndtr(d1) - (1 + strike) * ndtr(d2), (1 + strike) * ndtr(-d2) - ndtr(-d1))
    # phi(d1) = (1 + strike) phi(d2) turns the price into a difference of Mills ratios, accurate in the tail.
    tail = np.exp(-(d1**2) / 2) / _ROOT_TWO_PI * np.where(up, mills_step(-d1, sd), mills_step(d2, sd))
    price = np.where((np.where(up, -d1, d2) > 0) & np.isfinite(tail), tail, price)
    value[at_risk] = y * np.maximum(price, 0.0)
    slope[at_risk] = np.where(up, -(ndtr(d1) - ndtr(d2)), ndtr(-d2) - ndtr(-d1))
    return value, slope


def mills_step(x: Array, step: Array) -> Array:
    """Mills(x) - Mills(x + step) of the standard normal; not finite where x is far below 0."""
    from scipy.special import erfcx

    with np.errstate(invalid="ignore", over="ignore"):
        return np.sqrt(np.pi / 2) * (erfcx(x / np.sqrt(2)) - erfcx((x + step) / np.sqrt(2)))
