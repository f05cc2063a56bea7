"""From the configuration to the numbers that layers ask for. The one place that knows both."""

from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.model.inference.detection import proposal_options as proposal_options  # where callers look for it
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.nets.optimizer import OptimizerOptions
from ssh_tf.nets.training_graph import SamplingOptions
from ssh_tf.roi_data_layer.pipeline_options import FaceSides, PipelineOptions
from ssh_tf.utils.types import Config


def network_options(config: Config, backbone: str) -> NetworkOptions:
    """Numbers of the network for `backbone` (a key of `BACKBONES`)."""
    multiplier = config.MOBILENET_V2 if backbone == "mobile_v2" else config.MOBILENET
    return NetworkOptions(
        backbone=backbone,
        weight_decay=config.TRAIN.WEIGHT_DECAY,
        mobile_weight_decay=config.MOBILENET.WEIGHT_DECAY,
        bias_decay=config.TRAIN.BIAS_DECAY,
        fixed_blocks=config.RESNET.FIXED_BLOCKS,
        fixed_layers=config.MOBILENET.FIXED_LAYERS,
        train_affine=config.MOBILENET.TRAIN_AFFINE,
        depth_multiplier=multiplier.DEPTH_MULTIPLIER,
        min_depth=config.MOBILENET_V2.MIN_DEPTH,
        train_bn=config.MOBILENET_V2.TRAIN_BN,
    )


def match_options(config: Config) -> MatchOptions:
    """Numbers of the matching of anchors and faces."""
    return MatchOptions(
        positive_overlap=config.TRAIN.RPN_POSITIVE_OVERLAP,
        negative_overlap=config.TRAIN.RPN_NEGATIVE_OVERLAP,
        ignore_coverage=config.TRAIN.IGNORE_COVERAGE,
        force_match=config.TRAIN.FORCE_FG_FOR_EACH_GT,
    )


def sampling_options(config: Config) -> SamplingOptions:
    """Numbers of the sampling of anchors and of the losses."""
    return SamplingOptions(
        batch_size=config.TRAIN.RPN_BATCHSIZE,
        positive_fraction=config.TRAIN.RPN_FG_FRACTION,
        hard_positives=config.TRAIN.HARD_POSITIVE_MINING,
        hard_negatives=config.TRAIN.HARD_NEGATIVE_MINING,
        sigma=config.TRAIN.SMOOTH_L1_SIGMA,
        box_weight=config.TRAIN.BOX_WEIGHT,
    )


def optimizer_options(config: Config) -> OptimizerOptions:
    """Numbers of the optimiser."""
    train = config.TRAIN
    return OptimizerOptions(kind=train.OPTIMIZER, momentum=train.MOMENTUM, decay=train.ADAMW_DECAY)


def pipeline_options(config: Config) -> PipelineOptions:
    """How training samples are drawn and made."""
    train, augment = config.TRAIN, config.TRAIN.AUGMENT
    return PipelineOptions(
        scales=tuple(train.SCALES),
        max_size=train.MAX_SIZE,
        flip_rate=0.5 if train.USE_FLIPPED else 0.0,
        aspect_grouping=train.ASPECT_GROUPING and not any(augment.CROP_SIZE),
        group_weights=dict(augment.GROUP_WEIGHTS),
        crowd_power=augment.CROWD_POWER,
        blank_ignored=augment.BLANK_IGNORED,
        crop_sizes=tuple(filter(None, augment.CROP_SIZE)),
        face_sides=tuple(FaceSides(*side) for side in augment.FACE_SIDES),
        anywhere_rate=augment.ANYWHERE_RATE,
        mosaic_rate=augment.MOSAIC_RATE,
        stretch=augment.STRETCH,
        coarse_rate=augment.COARSE_RATE,
        rotate_rate=augment.ROTATE_RATE,
        max_upscale=augment.MAX_UPSCALE,
        min_face=augment.MIN_FACE,
        visible=(augment.VISIBLE[0], augment.VISIBLE[1]),
        brightness=augment.COLOR_JITTER,
        contrast=augment.COLOR_JITTER,
        saturation=augment.COLOR_JITTER,
        hue=augment.HUE_JITTER,
        grayscale_rate=augment.GRAYSCALE_RATE,
        exposure_rate=augment.EXPOSURE_RATE,
        blur_rate=augment.BLUR_RATE,
        jpeg_rate=augment.JPEG_RATE,
    )
