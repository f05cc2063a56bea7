"""A checkpoint of the smallest network that there is, with random weights: for the tools that run a detector."""

from ssh_tf.model.config import load_config
from ssh_tf.model.inference_graph import build
from ssh_tf.model.options import network_options, proposal_options
from ssh_tf.utils.tf1 import tf

BACKBONE = "mobile"
SETTINGS = [
    "MOBILENET.DEPTH_MULTIPLIER",
    "0.1",
    "TEST.SCALES",
    "[64]",
    "TEST.MAX_SIZE",
    "96",
    "TEST.SCORE_THRESH",
    "0.45",
]


def save_checkpoint(folder, seed=1):
    """Write a checkpoint of `BACKBONE` as `SETTINGS` has it; its prefix."""
    config = load_config(None, SETTINGS)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        build(BACKBONE, network_options(config, BACKBONE), proposal_options(config))
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(
            session, str(folder / "ssh_iter_7.ckpt"), write_meta_graph=False, write_state=False
        )
