"""The validation pass of a training: losses, detections on a sample of images, average precision, pictures."""

import time
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ssh_tf.datasets.average_precision import evaluate_detections
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.model.inference.checkpoint_runner import CheckpointRunner
from ssh_tf.model.inference.detection import Detector
from ssh_tf.model.options import network_options, proposal_options
from ssh_tf.model.precision import Precision
from ssh_tf.model.training.log import TrainingLog
from ssh_tf.model.training.snapshots import Snapshot
from ssh_tf.model.training.validation_loss import ValidationLoss
from ssh_tf.utils.drawing import draw_faces, draw_truth
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.images import read_image
from ssh_tf.utils.types import Config

_PICTURES = 4
_PICTURE_THRESHOLD = 0.5


def sample_records(records: Sequence[ImageRecord], count: int) -> list[ImageRecord]:
    """`count` records spread evenly over `records`; all of them if there are fewer."""
    chosen = np.unique(np.linspace(0, len(records) - 1, min(count, len(records))).astype(int))
    return [records[i] for i in chosen]


class Validation:
    """Evaluates snapshots on the same images each time."""

    def __init__(
        self, records: Sequence[ImageRecord], backbone: str, config: Config, precision: Precision = "auto"
    ) -> None:
        """Take `TRAIN.VAL_IMAGES` of `records`."""
        self._records = sample_records(records, config.TRAIN.VAL_IMAGES)
        self._backbone = backbone
        self._config = config
        self._precision: Precision = precision

    # The graphs are built for the first snapshot and kept for the others.

    @cached_property
    def _loss(self) -> ValidationLoss:
        return ValidationLoss(self._records, self._backbone, self._config, self._precision)

    @cached_property
    def _runner(self) -> CheckpointRunner:
        options = network_options(self._config, self._backbone), proposal_options(self._config)
        return CheckpointRunner(*options, self._precision)

    @cached_property
    def _detector(self) -> Detector:
        return Detector(self._runner, self._config)

    def __call__(self, snapshot: Snapshot, log: TrainingLog) -> float:
        """Evaluate the weights of `snapshot`; write two lines, a row, and TensorBoard's points and pictures, to `log`.

        Returns:
            The average precision at IoU 0.5 over all faces; NaN if there are none.
        """
        started = time.monotonic()
        losses = self._losses(snapshot, log)
        precisions, pictures = self._detect(snapshot, log)
        seconds = time.monotonic() - started
        log.say(
            f"validation at {snapshot.iteration}: "
            + "  ".join(f"{name} {value:.4f}" for name, value in precisions.items())
            + f"  ({len(self._records)} images, {seconds:.0f} s)"
        )
        if log.files:
            log.files.add_validation(snapshot.iteration, losses | precisions, pictures)
        return precisions["AP50"]

    def _losses(self, snapshot: Snapshot, log: TrainingLog) -> dict[str, float]:
        """Losses by name; none if no image can be read any more, which is no reason for a training to end."""
        try:
            row = self._loss(snapshot)
        except DataError as error:
            log.say(f"no validation loss at {snapshot.iteration}: {error}")
            return {}
        losses = row.losses()
        log.say(
            f"validation loss at {snapshot.iteration}: total {row.total:.4f}  "
            + "  ".join(f"{name} {value:.4f}" for name, value in losses.items() if name != "total")
        )
        return losses

    def _detect(self, snapshot: Snapshot, log: TrainingLog) -> tuple[dict[str, float], list[np.ndarray]]:
        """Average precisions by name, and the first few pictures with truth and detections."""
        self._runner.load(snapshot.prefix)
        seen, found = [], []
        pictures: list[np.ndarray] = []
        for record in self._records:
            try:
                image = read_image(record.path)
            except ImageError as error:
                log.say(f"validation image {error}; it is left out")
                continue
            seen.append(record)
            found.append(self._detector(image, threshold=self._config.TEST.SCORE_THRESH))
            if len(pictures) < _PICTURES:
                shown = found[-1][found[-1][:, 4] > _PICTURE_THRESHOLD]
                pictures.append(draw_faces(draw_truth(image, record.boxes, record.ignore), shown))
        result = evaluate_detections(found, [record.boxes for record in seen], [record.ignore for record in seen])
        by_size = {f"AP50 {part.size.name}": part.ap50 for part in result.by_size}
        return {"AP50": result.overall.ap50} | by_size, pictures
