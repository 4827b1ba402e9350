"""Names of array types, once: what stands in a signature, shapes beside it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Index = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

TINY = 1e-300  # stands for a divisor of 0: what is divided is then 0 too, or the quotient may be huge
