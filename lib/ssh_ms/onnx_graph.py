"""The port's network as an ONNX graph, written node by node: MindSpore exports no bilinear resize.

Letters: `N` images of `H × W` pixels, `h, w` map of a branch, `A` anchors per cell, `K` anchors of all branches.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.utils.types import OnnxModel, OnnxNode, OnnxTensor

INPUT, LOGITS, DELTAS = "images", "logits", "deltas"
"""The input (1, 3, H, W), BGR minus the means; the outputs (1, K), face minus background, and (1, K, 4)."""

_OPSET = 17
# The positions of the convolutions in the port's sequences; a pool stands before each but the first.
_CONV4_3 = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21))
_CONV5_3 = (1, 3, 5)


class _Builder:
    """Nodes and weights, each value under the name of the node that makes it."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self.nodes: list[OnnxNode] = []
        self.weights: list[OnnxTensor] = []
        self._arrays = arrays

    def add(self, operation: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        output = name or f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], name=output, **attributes))
        return output

    def constant(self, *values: int) -> str:
        name = "ints_" + "_".join(map(str, values))
        if all(weight.name != name for weight in self.weights):
            self.weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def convolution(self, inputs: str, parameter: str, activate: bool = True) -> str:
        names = [f"ssh.{parameter}.{part}" for part in ("weight", "bias")]
        self.weights += [numpy_helper.from_array(self._arrays[name], name) for name in names]
        kernel = self._arrays[names[0]].shape[2]
        outputs = self.add("Conv", inputs, *names, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)
        return self.add("Relu", outputs) if activate else outputs

    def pool(self, inputs: str) -> str:
        """2×2, rounding up."""
        return self.add("MaxPool", inputs, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def sizes(self, inputs: str) -> str:
        """(h, w) of a map."""
        return self.add("Slice", self.add("Shape", inputs), self.constant(2), self.constant(4))


def build_onnx(arrays: Mapping[str, npt.NDArray[np.float32]]) -> OnnxModel:
    """A checked ModelProto of the network with the parameters `arrays`, for one image of any size."""
    graph = _Builder(arrays)
    low = INPUT
    for group, places in enumerate(_CONV4_3):
        low = graph.pool(low) if group else low
        for place in places:
            low = graph.convolution(low, f"vgg.conv4_3.{place}")
    high = graph.pool(low)
    for place in _CONV5_3:
        high = graph.convolution(high, f"vgg.conv5_3.{place}")
    branches = zip(BRANCHES, (_merged(graph, low, high), high, _pooled(graph, high)), strict=True)
    rows = [_rows(graph, features, branch.name.lower(), len(branch.scales)) for branch, features in branches]
    for name, parts in zip((LOGITS, DELTAS), zip(*rows, strict=True), strict=True):
        graph.add("Concat", *parts, axis=1, name=name)
    described = helper.make_graph(
        graph.nodes,
        "ssh",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, "height", "width"])],
        [
            helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, "anchors"]),
            helper.make_tensor_value_info(DELTAS, TensorProto.FLOAT, [1, "anchors", 4]),
        ],
        graph.weights,
    )
    model = helper.make_model(described, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _merged(graph: _Builder, low: str, high: str) -> str:
    """M1's features: the deep map enlarged to the other one's size and added."""
    low = graph.convolution(low, "m1_dim_red1")
    high = graph.convolution(high, "m1_dim_red2")
    channels = graph.add("Slice", graph.add("Shape", high), graph.constant(0), graph.constant(2))
    target = graph.add("Concat", channels, graph.sizes(low), axis=0)
    high = graph.add("Resize", high, "", "", target, mode="linear", coordinate_transformation_mode="asymmetric")
    return graph.convolution(graph.add("Add", low, high), "m1_conv.0")


def _pooled(graph: _Builder, high: str) -> str:
    """M3's features: a 2×2 pool that rounds down, but not to nothing."""
    sizes = graph.add("Div", graph.sizes(high), graph.constant(2))
    sizes = graph.add("Max", sizes, graph.constant(1))
    return graph.add("Slice", graph.pool(high), graph.constant(0, 0), sizes, graph.constant(2, 3))


def _rows(graph: _Builder, features: str, branch: str, anchors: int) -> tuple[str, str]:
    """Logits (1, h·w·A) and deltas (1, h·w·A, 4) of a branch."""
    module = f"{branch}_detect_model"
    context = f"{module}.context_model"
    shared = graph.convolution(features, f"{context}.conv.0")
    five = graph.convolution(shared, f"{context}.channel_1.0")
    seven = graph.convolution(graph.convolution(shared, f"{context}.channel_2.0"), f"{context}.channel_2.2")
    joined = graph.add("Concat", graph.convolution(features, f"{module}.conv1"), five, seven, axis=1)
    scores = graph.convolution(joined, f"{module}.cls", activate=False)
    deltas = graph.convolution(joined, f"{module}.reg", activate=False)
    background, face = (
        graph.add("Slice", scores, graph.constant(at), graph.constant(at + anchors), graph.constant(1))
        for at in (0, anchors)
    )
    logits = graph.add("Transpose", graph.add("Sub", face, background), perm=[0, 2, 3, 1])
    deltas = graph.add("Transpose", deltas, perm=[0, 2, 3, 1])
    return (
        graph.add("Reshape", logits, graph.constant(1, -1)),
        graph.add("Reshape", deltas, graph.constant(1, -1, 4)),
    )
