"""The losses of a training on images that it does not train on."""

from collections.abc import Sequence

import numpy as np

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.model.options import match_options, network_options, pipeline_options, sampling_options
from ssh_tf.model.precision import Precision, session_config
from ssh_tf.model.training.data import matched
from ssh_tf.model.training.snapshots import Snapshot
from ssh_tf.model.training.tables import LossRow, mean_row
from ssh_tf.nets.training_graph import training_losses
from ssh_tf.roi_data_layer.pipeline import batch_image, data_errors, make_dataset
from ssh_tf.roi_data_layer.pipeline_options import UNALTERED
from ssh_tf.utils.opencv import single_threaded_opencv
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Config


class ValidationLoss:
    """The mean losses over the same images each time, whole and unaltered, at the first of `TRAIN.SCALES`.

    Each counts once; those that cannot be read are left out.

    The graph is built once and kept: an evaluation adds nothing to the memory of the one before it.
    """

    def __init__(
        self, records: Sequence[ImageRecord], backbone: str, config: Config, precision: Precision = "auto"
    ) -> None:
        """Prepare the losses on `records` (at least one) for the network `backbone`."""
        sampling = sampling_options(config)
        options = UNALTERED._replace(
            scales=tuple(config.TRAIN.SCALES[:1]),
            max_size=config.TRAIN.MAX_SIZE,
            blank_ignored=pipeline_options(config).blank_ignored,
            skip_unreadable=True,
        )
        self._count = len(records)
        with tf.Graph().as_default() as graph:
            # An epoch draws each image once.
            dataset = make_dataset(records, options, seed=0, first_iteration=0, batch_size=1)
            mined = sampling.hard_positives and sampling.hard_negatives
            dataset = matched(dataset, backbone, match_options(config), mined, 0, 0, 0)
            iterator = tf.data.make_initializable_iterator(dataset)
            batch = iterator.get_next()
            images = batch_image(batch.image, batch.im_info)
            network = network_options(config, backbone)._replace(train_bn=False)
            self._losses = training_losses(images, batch.targets, tf.ones(3), network, sampling)
            self._record = batch.record[0]
            self._begin = iterator.initializer
            self._saver = tf.train.Saver()
        self._session = tf.Session(graph=graph, config=session_config(precision))

    def __call__(self, snapshot: Snapshot) -> LossRow:
        """The mean losses with the weights of `snapshot`.

        Raises:
            DataError: no image can be read, or a hundred in a row cannot.
        """
        with self._session.graph.as_default():
            self._saver.restore(self._session, str(snapshot.prefix))
        self._session.run(self._begin)
        with data_errors(), single_threaded_opencv():
            drawn = [self._session.run([self._record, self._losses]) for _ in range(self._count)]
        # In the place of an image that cannot be read comes another one of the epoch, which is seen twice.
        losses = {int(record): losses for record, losses in drawn}
        return mean_row([LossRow.of(snapshot.iteration, np.nan, of_image) for of_image in losses.values()])
