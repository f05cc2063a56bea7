"""Get a checkpoint back from a frozen graph, to evaluate, convert or train on."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.checkpoints import assign
from ssh_tf.model.command_line import add_config_arguments
from ssh_tf.model.config import load_config
from ssh_tf.model.options import network_options
from ssh_tf.model.weights import initial_weights
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.nets.network import ssh_network
from ssh_tf.utils.errors import CheckpointError, run_tool
from ssh_tf.utils.tf1 import tf


def main(argv: Sequence[str] | None = None) -> int:
    """Write one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the frozen graph, a .pb file of this project")
    parser.add_argument("--backbone", required=True, choices=list(BACKBONES), help="its network")
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint's prefix, e.g. mobile_ssh.ckpt")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.model.suffix != ".pb":
        raise CheckpointError(f"{arguments.model}: not a .pb file")
    config = load_config(arguments.cfg, arguments.set)
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
        images = tf.placeholder(tf.float32, (1, None, None, 3))
        ssh_network(images, arguments.backbone, network_options(config, arguments.backbone))
        variables = tf.global_variables()
        weights = initial_weights(arguments.model, arguments.backbone, variables)
        if weights.initial:
            raise CheckpointError(f"{arguments.model}: lacks {weights.initial[0]}, so it is no whole SSH network")
        assign(session, {variable: weights.values[variable.op.name] for variable in variables})
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        try:
            tf.train.Saver().save(session, str(arguments.output), write_meta_graph=False, write_state=False)
        except tf.errors.OpError as error:
            raise CheckpointError(f"{arguments.output}: cannot be written ({error.message})") from error
    print(f"{arguments.output}: {len(variables)} variables")
    return 0


if __name__ == "__main__":
    run_tool(main)
