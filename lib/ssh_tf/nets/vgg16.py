"""VGG16 without its fully connected layers (Simonyan and Zisserman, 2015), as SSH reads it."""

from ssh_tf.nets.layers import Style, convolution, max_pool
from ssh_tf.nets.network_options import EndPoints, NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor

_GROUPS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
_FROZEN_GROUPS = 2


def vgg16(images: Tensor, options: NetworkOptions) -> EndPoints:
    """conv4_3 at stride 8 and conv5_3 at stride 16; conv1 and conv2 are frozen. Images are (N, H, W, 3)."""
    style = Style(tf.nn.relu, tf.glorot_uniform_initializer(), options.weight_decay, options.bias_decay)
    ends = []
    features = images
    for group, (layers, channels) in enumerate(_GROUPS, 1):
        if group > 1:
            features = max_pool(features, 2, 2, "SAME")
        group_style = style._replace(trainable=group > _FROZEN_GROUPS)
        with tf.variable_scope(f"conv{group}"):
            for layer in range(1, layers + 1):
                features = convolution(features, channels, 3, f"conv{group}_{layer}", group_style)
        ends.append(features)
    return EndPoints(low=ends[3], high=ends[4], deep=ends[4])
