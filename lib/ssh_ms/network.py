"""The SSH network with VGG16, equal to the TensorFlow graph, under the parameter names of the port.

Letters: `N` images of `H × W` pixels, `h, w` map of a branch, `A` anchors per cell, `K` anchors of all branches,
`C` channels. Arrays are channels first, as MindSpore has them.
"""

from ssh_ms.framework import initializer, ms, nn, ops
from ssh_tf.layer_utils.anchors import BRANCHES

_ANCHORS = len(BRANCHES[0].scales)
_POOL = -1
_CONV4_3 = (64, 64, _POOL, 128, 128, _POOL, 256, 256, 256, _POOL, 512, 512, 512)
_CONV5_3 = (_POOL, 512, 512, 512)


def _convolution(channels_in: int, channels: int, kernel_size: int, initial: initializer.Initializer) -> nn.Conv2d:
    return nn.Conv2d(
        channels_in, channels, kernel_size, pad_mode="same", has_bias=True, weight_init=initial, bias_init="zeros"
    )


def _vgg_part(channels: int, layers: tuple[int, ...]) -> nn.SequentialCell:
    """3×3 convolutions with ReLU, and pools that round up: (N, channels, h, w) → (N, last of `layers`, h', w')."""
    cells: list[nn.Cell] = []
    for layer in layers:
        if layer == _POOL:
            cells.append(nn.MaxPool2d(2, 2, pad_mode="same"))
        else:
            cells += [_convolution(channels, layer, 3, initializer.XavierUniform()), nn.ReLU()]
            channels = layer
    return nn.SequentialCell(cells)


class VGG16(nn.Cell):
    """VGG16 as far as conv5_3 (Simonyan and Zisserman, 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv4_3 = _vgg_part(3, _CONV4_3)
        self.conv5_3 = _vgg_part(512, _CONV5_3)

    def construct(self, images: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """(N, 3, H, W) → (N, 512, ⌈H/8⌉, ⌈W/8⌉) and (N, 512, ⌈H/16⌉, ⌈W/16⌉)."""
        low = self.conv4_3(images)
        return low, self.conv5_3(low)


class ContextModel(nn.Cell):
    """The context module: a 5×5 and a 7×7 window made of 3×3 convolutions (paper, section 3.2)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        half = channels // 2

        def layer(depth: int) -> list[nn.Cell]:
            return [_convolution(depth, half, 3, initializer.TruncatedNormal(0.01)), nn.ReLU()]

        self.conv = nn.SequentialCell(layer(channels_in))
        self.channel_1 = nn.SequentialCell(layer(half))
        self.channel_2 = nn.SequentialCell(layer(half) + layer(half))

    def construct(self, features: ms.Tensor) -> ms.Tensor:
        """(N, C, h, w) → (N, channels, h, w)."""
        shared = self.conv(features)
        return ops.concat((self.channel_1(shared), self.channel_2(shared)), 1)


class DetectModel(nn.Cell):
    """The detection module of a branch with its two outputs (paper, figure 3)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels, 3, initializer.Normal(0.01))
        self.context_model = ContextModel(channels_in, channels)
        self.cls = _convolution(2 * channels, 2 * _ANCHORS, 1, initializer.Normal(0.01))
        self.reg = _convolution(2 * channels, 4 * _ANCHORS, 1, initializer.Normal(0.01))

    def construct(self, features: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """(N, C, h, w) → scores (N, 2A, h, w), A background then A face, and deltas (N, 4A, h, w)."""
        features = ops.concat((ops.relu(self.conv1(features)), self.context_model(features)), 1)
        return self.cls(features), self.reg(features)


class SSH(nn.Cell):
    """Backbone and branches."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = VGG16()
        self.m1_dim_red1 = _convolution(512, 128, 1, initializer.Normal(0.01))
        self.m1_dim_red2 = _convolution(512, 128, 1, initializer.Normal(0.01))
        self.m1_conv = nn.SequentialCell([_convolution(128, 128, 3, initializer.Normal(0.01)), nn.ReLU()])
        self.m1_detect_model = DetectModel(128, 128)
        self.m2_detect_model = DetectModel(512, 256)
        self.m3_detect_model = DetectModel(512, 256)
        self.m3_pool = nn.MaxPool2d(2, 2, pad_mode="same")
        # The corners are TensorFlow's default: pixel x of the larger map reads x times the ratio of the sizes.
        self.resize = ops.ResizeBilinearV2(align_corners=False, half_pixel_centers=False)

    def construct(self, images: ms.Tensor) -> tuple[tuple[ms.Tensor, ms.Tensor], ...]:
        """(N, 3, H, W) → what `DetectModel` gives for M1, M2 and M3."""
        low, high = self.vgg(images)
        merged = ops.relu(self.m1_dim_red1(low))
        merged = merged + self.resize(ops.relu(self.m1_dim_red2(high)), ops.shape(merged)[2:])
        return (
            self.m1_detect_model(self.m1_conv(merged)),
            self.m2_detect_model(high),
            self.m3_detect_model(self._pool_deep(high)),
        )

    def _pool_deep(self, high: ms.Tensor) -> ms.Tensor:
        """2×2 max-pool that rounds down; a single row or column, which would vanish, is kept."""
        _, _, rows, columns = ops.shape(high)
        # 1 // n is 1 for n = 1 alone; neither `max` nor a condition on a dynamic size goes into a MINDIR file.
        return self.m3_pool(high)[:, :, : (rows + 1 // rows) // 2, : (columns + 1 // columns) // 2]


class SSHNetwork(nn.Cell):
    """From images to one row per anchor: all branches flattened, M1's rows first."""

    def __init__(self) -> None:
        super().__init__()
        self.ssh = SSH()

    def construct(self, images: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """(N, 3, H, W), BGR minus the means → logits (N, K), face minus background, and deltas (N, K, 4)."""
        logits, deltas = [], []
        for scores, offsets in self.ssh(images):
            count = scores.shape[0]
            difference = scores[:, _ANCHORS:] - scores[:, :_ANCHORS]
            logits.append(ops.transpose(difference, (0, 2, 3, 1)).reshape(count, -1))
            deltas.append(ops.transpose(offsets, (0, 2, 3, 1)).reshape(count, -1, 4))
        return ops.concat(logits, 1), ops.concat(deltas, 1)


def any_size(network: nn.Cell) -> nn.Cell:
    """Have GRAPH mode compile `network` once for one image of any size. Returns it."""
    network.set_inputs(ms.Tensor(shape=[1, 3, None, None], dtype=ms.float32))
    return network
