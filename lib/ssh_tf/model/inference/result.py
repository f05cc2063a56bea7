"""What was found in one picture, for programs. Letters: `H, W` size of the picture, `N` faces."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.crops import hide_faces, square_crop
from ssh_tf.utils.drawing import draw_faces
from ssh_tf.utils.types import JsonObject


@dataclass(frozen=True, eq=False)
class DetectionResult:
    """Faces of `image` (H, W, 3) BGR: `rows` (N, 5) [x1, y1, x2, y2, score] in its pixels, best first."""

    image: npt.NDArray[np.uint8] = field(repr=False)
    rows: npt.NDArray[np.float32]

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """(N, 4) [x1, y1, x2, y2] in pixels of the picture."""
        return self.rows[:, :4]

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """(N,) from 0 to 1, falling."""
        return self.rows[:, 4]

    def __len__(self) -> int:
        return len(self.rows)

    def above(self, threshold: float) -> "DetectionResult":
        """The faces with a higher score than `threshold`."""
        return DetectionResult(self.image, self.rows[self.rows[:, 4] > threshold])

    def crops(self, margin: float = 0.3, side: int | None = None) -> list[npt.NDArray[np.uint8]]:
        """A square BGR picture of each face; see `square_crop`."""
        return [square_crop(self.image, box, margin, side) for box in self.boxes]

    def draw(self) -> npt.NDArray[np.uint8]:
        """A copy of the picture with boxes and scores, (H, W, 3) BGR."""
        return draw_faces(self.image, self.rows)

    def hide(self, how: str = "blur") -> npt.NDArray[np.uint8]:
        """A copy of the picture with its faces made unrecognisable; see `hide_faces`."""
        return hide_faces(self.image, self.rows, how)

    def to_dict(self) -> JsonObject:
        """Plain numbers, as a line of `detections.jsonl` has them."""
        height, width = self.image.shape[:2]
        return {"width": width, "height": height, "faces": faces_as_dicts(self.rows)}


def faces_as_dicts(rows: npt.NDArray[np.floating]) -> list[JsonObject]:
    """`rows` (N, 5) as ``{"box": [x1, y1, x2, y2], "score": s}``, to 0.01 px and 0.00001."""
    return [{"box": [round(float(x), 2) for x in row[:4]], "score": round(float(row[4]), 5)} for row in rows]
