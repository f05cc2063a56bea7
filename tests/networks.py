"""Networks for tests: weights made from their names, checkpoints of them, small settings.

Importing this adds a row to the table of backbones, `tiny`: most tests are not about the network, and this one, with
few convolutions and few channels from end to end, is built and trained in a fraction of the time of a real one.
"""

import ast
import functools
import zlib
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from ssh_tf.model import detector
from ssh_tf.model.config import load_config
from ssh_tf.model.files.checkpoints import assign
from ssh_tf.model.files.freezing import freeze, loaded
from ssh_tf.model.files.frozen_graphs import save_graph
from ssh_tf.model.options import network_options, proposal_options
from ssh_tf.nets import network
from ssh_tf.nets.backbones import BACKBONES, Backbone
from ssh_tf.nets.layers import BatchNorm, Style, convolution
from ssh_tf.nets.network import network_heads
from ssh_tf.nets.network_options import EndPoints
from ssh_tf.utils.tf1 import tf

DATA = Path(__file__).parent / "data"

SMALL = ["MOBILENET.DEPTH_MULTIPLIER", "0.25", "TEST.SCALES", "[120]", "TEST.MAX_SIZE", "160"]
"""Settings of the `checkpoint` fixture: a quarter of the channels, small inputs."""


def _tiny(images, options):
    """Three convolutions with normalisation, the first of them frozen; its channels are scaled as MobileNet's."""
    norm = BatchNorm(epsilon=0.001)
    style = Style(tf.nn.relu6, tf.truncated_normal_initializer(stddev=0.09), options.mobile_weight_decay, norm=norm)
    features = images
    ends = []
    for layer, (channels, kernel_size, stride) in enumerate([(32, 3, 2), (128, 7, 4), (256, 3, 2)]):
        depth = int(channels * options.depth_multiplier)
        layer_style = style._replace(trainable=layer > 0)
        features = convolution(features, depth, kernel_size, f"Conv2d_{layer}", layer_style, stride=stride)
        ends.append(features)
    return EndPoints(low=ends[1], high=ends[2], deep=ends[2])


REAL_BACKBONES = tuple(BACKBONES)
BACKBONES["tiny"] = Backbone("Tiny", _tiny, True, "Conv2d_0/weights", 1.0)

REAL_MODULES = network.detection_module, network.reduce_and_merge
"""The functions that all networks have but `tiny`."""


def _is_tiny():
    return tf.get_variable_scope().name == BACKBONES["tiny"].scope


def _detection_module(features, channels, scope, style):
    """Of `tiny` one convolution, of a quarter of the channels; of other networks the real module."""
    if not _is_tiny():
        return REAL_MODULES[0](features, channels, scope, style)
    with tf.variable_scope(scope):
        return convolution(features, channels // 4, 3, "conv1", style)


def _reduce_and_merge(low, high, channels, scope, style):
    """The real one, in `tiny` with a quarter of the channels."""
    return REAL_MODULES[1](low, high, channels // 4 if _is_tiny() else channels, scope, style)


network.detection_module, network.reduce_and_merge = _detection_module, _reduce_and_merge


@contextmanager
def outputs_of(module, function):
    """Collect what `function` of `module` returns meanwhile: a list, an entry a call."""
    outputs, whole = [], getattr(module, function)

    def kept(*arguments):
        outputs.append(whole(*arguments))
        return outputs[-1]

    with patch.object(module, function, kept):
        yield outputs


_RUNNERS = {}


@contextmanager
def kept_runners():
    """Meanwhile a model is loaded when first asked for with some settings, and then kept: a tool loads one each run."""

    def keep(load, *arguments):
        *model, config, precision = arguments
        key = (*model, proposal_options(config), network_options(config, "tiny"), precision)
        if key not in _RUNNERS:
            _RUNNERS[key] = load(*arguments)
            _RUNNERS[key].close = lambda: None
        return _RUNNERS[key]

    names = ("_checkpoint_runner", "_frozen_runner")
    loading = {name: functools.partial(keep, getattr(detector, name)) for name in names}
    with patch.multiple(detector, **loading):
        yield


def plain_session():
    """A session that runs the graph as it was built: optimising it costs more than a test's few runs."""
    config = tf.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.Session(config=config)


def weight(name, shape):
    """The value of a variable in the recorded runs of the reference (tests/data/golden): drawn from its name."""
    draw = np.random.RandomState(zlib.crc32(name.encode()))
    leaf = name.rpartition("/")[2]
    if leaf in ("gamma", "moving_variance"):
        # Layers that are added to a shortcut are kept faint, or sums would grow from block to block.
        ends_a_residual = leaf == "gamma" and ("/bottleneck_v1/conv3/" in name or "/project/" in name)
        low, high = (0.1, 0.3) if ends_a_residual else (0.8, 1.2)
        return draw.uniform(low, high, shape).astype(np.float32)
    if leaf in ("beta", "moving_mean", "biases"):
        return (0.05 * draw.standard_normal(shape)).astype(np.float32)
    fan_in = np.prod(shape[:2] if leaf == "depthwise_weights" else shape[:3])
    values = draw.standard_normal(shape) * np.sqrt(2.0 / fan_in)
    if shape[2] == 3:  # the first layer, which reads grey levels
        values /= 60.0
    if "rpn_bbox_pred" in name or "rpn_cls_score" in name:
        values *= 0.2
    return values.astype(np.float32)


def golden_image(number):
    """The recorded run's input `number`: (1, H, W, 3) float32."""
    height, width = [(192, 256), (173, 251)][number]
    coarse = np.random.RandomState(100 + number).uniform(-110, 130, (height // 8 + 1, width // 8 + 1, 3))
    return cv2.resize(coarse.astype(np.float32), (width, height))[None]


def variable_contract(backbone):
    """{name: (shape, trainable)} of the reference's variables, or None where there is no record."""
    path = DATA / "variables" / f"{backbone}.txt"
    if not path.exists():
        return None
    contract = {}
    for line in path.read_text().splitlines():
        name, shape, trainable = line.split(" ", 1)[0], line[line.index("[") : line.index("]") + 1], line.split()[-1]
        contract[name] = (ast.literal_eval(shape), trainable == "True")
    return contract


def load_weights(session):
    """Give every variable of the session's graph its `weight`."""
    variables = tf.global_variables()
    assign(session, {variable: weight(variable.op.name, variable.shape.as_list()) for variable in variables})


def save_checkpoint(prefix, values):
    """Save {name: value} at `prefix`, as `tf.train.Saver` would, but without a graph that has these variables."""
    slices = [""] * len(values)
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=list(values), shape_and_slices=slices, tensors=list(values.values())
    )
    tf.train.update_checkpoint_state(str(Path(prefix).parent), str(prefix))
    return str(prefix)


def write_checkpoint(prefix, backbone, overrides=(), face_logit=None):
    """Save the network `backbone` with `weight`s at `prefix`, as a training would: with slots of an optimiser.

    With `face_logit` every anchor has that score, before the sigmoid.
    """
    config = load_config(None, overrides)
    with tf.Graph().as_default():
        network_heads(tf.placeholder(tf.float32, (1, 64, 64, 3)), network_options(config, backbone))
        shapes = {variable.op.name: variable.shape.as_list() for variable in tf.global_variables()}
    values = {name: weight(name, shape) for name, shape in shapes.items()}
    if face_logit is not None:
        for name in [name for name in values if "rpn_cls_score" in name]:
            values[name] = np.zeros(shapes[name], np.float32)
            if name.endswith("biases"):
                values[name][2:] = face_logit
    return save_checkpoint(prefix, values | {"Momentum": np.zeros(3, np.float32), "global_step": np.int64(0)})


def freeze_checkpoint(prefix, backbone="tiny"):
    """Freeze the small network of `prefix` into a `.pb` file beside it."""
    config = load_config(None, SMALL)
    options = network_options(config, backbone), proposal_options(config)
    with loaded(prefix, *options) as session:
        graph_def = freeze(session)
    path = Path(f"{prefix}.pb")
    save_graph(graph_def, path)
    return path
