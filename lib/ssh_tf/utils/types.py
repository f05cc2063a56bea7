"""Names for the arrays, and for what is TensorFlow's, that go through the whole project.

Letters: `H, W` size of a picture, `N` rows.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(H, W, 3) BGR."""

Boxes = npt.NDArray[np.float32]
"""(N, 4) [x1, y1, x2, y2]."""

Faces = npt.NDArray[np.float32]
"""(N, 5) [x1, y1, x2, y2, score], best first."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# TensorFlow carries no types, and is imported by whoever runs it.
Tensor: TypeAlias = Any
"""A tensor or a variable; also an array, where a function takes both."""

Session: TypeAlias = Any
GraphDef: TypeAlias = Any
