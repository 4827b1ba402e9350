"""A convex curve of two values between the points that were found on it and the lines that were proved below
it: where it is least known, what is proved about a point, and points between.

f and g are the two values; a line says that f + weight x g >= bound for everything there is (weight infinite:
g >= bound). The curve's own V(weight) = min f + weight x g is concave, so bounds in between interpolate.
"""

from dataclasses import dataclass

import numpy as np

from adl_opt.arrays import Array

_ROUND = 0.25  # of the widest gap: chords less uncertain wait for another round


@dataclass(frozen=True, eq=False)
class Node:
    """A point of the curve: contracts closed (legs,), (f, g) there, and the weight that led to it."""

    amount: Array
    values: tuple[float, float]
    weight: float


class Sandwich:
    """Points in a row, from the least f to the least g, with the lines below them and the chords between
    neighbours; a chord is straight where nothing below it was found, by one solve of its own weight.
    """

    def __init__(self, first: Node, last: Node, lines: list[tuple[float, float]], tolerance: float) -> None:
        self.nodes, self.straight = [first, last], [False]
        self.lines, self.tolerance = list(lines), tolerance
        self.least = np.array([first.values[0], last.values[1]])
        self.range = np.array([last.values[0], first.values[1]]) - self.least

    def chord(self, k: int) -> float:
        """The weight at which both ends of chord number k are as good."""
        (f, g), (f_next, g_next) = self.nodes[k].values, self.nodes[k + 1].values
        return (f_next - f) / (g - g_next)

    def next_chords(self, most: int) -> list[int]:
        """Up to `most` chords that may be far above the curve, the farthest first."""
        open_chords = [k for k, straight in enumerate(self.straight) if not straight]
        height = {k: self._height(k) for k in open_chords}
        for k in open_chords:
            self.straight[k] = height[k] <= self.tolerance
        ranked = sorted((k for k in open_chords if not self.straight[k]), key=lambda k: -height[k])
        return [k for k in ranked if height[k] >= _ROUND * height[ranked[0]]][:most]

    def insert(self, k: int, node: Node) -> bool:
        """A point found below chord number k joins the row; else the chord is straight, False."""
        before, here, after = (self._unit(one) for one in (self.nodes[k], node, self.nodes[k + 1]))
        share = self._share(self.chord(k))
        below = (before - here) @ [1 - share, share]
        inside = before[0] < here[0] < after[0] and before[1] > here[1] > after[1]
        if inside and below > self.tolerance:
            self.nodes.insert(k + 1, node)
            self.straight[k : k + 1] = [False, False]
            return True
        self.straight[k] = True
        return False

    def pieces(self, points: int) -> list[int]:
        """Into how many equal pieces each chord is cut, so that there are so many points, evenly."""
        ends = np.array([self._unit(node) for node in self.nodes])
        length, cut = np.hypot(*np.diff(ends, axis=0).T), np.ones(len(ends) - 1, dtype=int)
        for _ in range(points - len(ends)):
            cut[np.argmax(length / cut)] += 1
        return cut.tolist()

    def gaps(self, values: Array) -> Array:
        """What is proved about points (k, 2), their values: (k, 3) gaps in both at once, in f alone and in g
        alone, as fractions of the value or, if larger, of the curve's range.
        """
        scale = np.maximum(np.abs(values), self.range)
        weights, bounds = np.array(self.lines).T
        normal = np.where(np.isinf(weights), [[0.0], [1.0]], [np.ones(len(weights)), weights])
        above = np.maximum(values @ normal - bounds, 0.0)
        units = np.stack([scale @ normal, *(scale[:, [k]] * normal[k] for k in (0, 1))], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            gaps = np.where(above[..., None] > 0, above[..., None] / units, 0.0)
        return np.where(units > 0, gaps, np.inf).min(axis=1)

    def _unit(self, node: Node) -> Array:
        """(f, g) with both ranges as 1."""
        return (np.array(node.values) - self.least) / self.range

    def _share(self, weight: float) -> float:
        """A weight as the share of g, both ranges being 1."""
        f, g = self.range
        return 1.0 if np.isinf(weight) else weight * g / (f + weight * g)

    def _height(self, k: int) -> float:
        """How far chord number k is above the highest curve that the lines leave possible."""
        share, f = self._share(self.chord(k)), self.range[0]
        known = []
        for weight, bound in self.lines:
            if np.isinf(weight):
                known.append((1.0, (bound - self.least[1]) / self.range[1]))
            else:
                low = bound - self.least[0] - weight * self.least[1]
                known.append((self._share(weight), low / (f + weight * self.range[1])))
        shares, bounds = np.array(sorted(one for one in known if np.isfinite(one[1]))).T
        return float(self._unit(self.nodes[k]) @ [1 - share, share] - np.interp(share, shares, bounds))
