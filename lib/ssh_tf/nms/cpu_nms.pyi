import numpy as np
from numpy.typing import NDArray

def kept(ranked: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]: ...
