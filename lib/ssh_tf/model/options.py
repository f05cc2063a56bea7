"""From the configuration to the numbers that layers ask for. The one place that knows both."""

from typing import Any

from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.nets.options import NetworkOptions


def network_options(config: Any, backbone: str) -> NetworkOptions:
    """Numbers of the network for `backbone` (a key of `BACKBONES`)."""
    multiplier = config.MOBILENET_V2 if backbone == "mobile_v2" else config.MOBILENET
    return NetworkOptions(
        weight_decay=config.TRAIN.WEIGHT_DECAY,
        mobile_weight_decay=config.MOBILENET.WEIGHT_DECAY,
        bias_decay=config.TRAIN.BIAS_DECAY,
        fixed_blocks=config.RESNET.FIXED_BLOCKS,
        fixed_layers=config.MOBILENET.FIXED_LAYERS,
        depth_multiplier=multiplier.DEPTH_MULTIPLIER,
        min_depth=config.MOBILENET_V2.MIN_DEPTH,
        train_bn=config.MOBILENET_V2.TRAIN_BN,
    )


def proposal_options(config: Any) -> ProposalOptions:
    """Numbers of the proposals inside the graph."""
    return ProposalOptions(
        mode=config.TEST.MODE,
        nms_overlap=config.TEST.RPN_NMS_THRESH,
        keep=config.TEST.RPN_POST_NMS_TOP_N,
        score_threshold=config.TEST.SCORE_THRESH,
        top_n=config.TEST.RPN_TOP_N,
    )


def match_options(config: Any) -> MatchOptions:
    """Numbers of the matching of anchors and faces."""
    return MatchOptions(
        positive_overlap=config.TRAIN.RPN_POSITIVE_OVERLAP,
        negative_overlap=config.TRAIN.RPN_NEGATIVE_OVERLAP,
        ignore_coverage=config.TRAIN.IGNORE_COVERAGE,
        force_match=config.TRAIN.FORCE_FG_FOR_EACH_GT,
    )
