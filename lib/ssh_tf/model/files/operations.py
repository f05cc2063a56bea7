"""Operations that a graph from elsewhere may hold: mathematics on its inputs and nothing else.

A list of what is allowed, not of what is dangerous: TensorFlow has operations that read and write files, open sockets
and call Python, gains more with every release, and a graph may bring functions that hide them.
"""

from typing import Any

_GROUPS = (
    # Arithmetic.
    """
    Abs Add AddN AddV2 Ceil ClipByValue Cos Cumsum Div DivNoNan Erf Exp Expm1 Floor FloorDiv FloorMod Log Log1p Maximum
    Minimum Mod Mul MulNoNan Neg Pow RealDiv Reciprocal Rint Round Rsqrt Sigmoid Sign Sin Sqrt Square SquaredDifference
    Sub Tan Tanh TruncateDiv TruncateMod Xdivy Xlogy
    """,
    # Comparison and choice.
    """
    Equal Greater GreaterEqual IsFinite IsInf IsNan Less LessEqual LogicalAnd LogicalNot LogicalOr NotEqual Select
    SelectV2 Where
    """,
    # Reduction, order.
    """
    All Any ArgMax ArgMin InTopKV2 L2Loss Max Mean Min Prod SegmentMax SegmentSum Sum TopK TopKV2 Unique UniqueV2
    """,
    # Layers.
    """
    AvgPool BatchMatMul BatchMatMulV2 BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput DepthwiseConv2dNative Elu Einsum
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LRN LeakyRelu LogSoftmax MatMul MaxPool MaxPoolV2 Relu Relu6 Selu
    Softmax Softplus Softsign
    """,
    # Pictures and boxes.
    """
    CombinedNonMaxSuppression CropAndResize NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
    NonMaxSuppressionV4 NonMaxSuppressionV5 ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    """,
    # Shapes and places.
    """
    BatchToSpaceND Bitcast BroadcastArgs BroadcastTo Cast Concat ConcatOffset ConcatV2 Const DepthToSpace EnsureShape
    ExpandDims Fill Gather GatherNd GatherV2 GuaranteeConst Identity IdentityN InvertPermutation LinSpace MirrorPad NoOp
    OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault PreventGradient Range Rank Reshape Reverse
    ReverseV2 ScatterNd Shape ShapeN Size Slice Snapshot SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient
    StridedSlice TensorScatterUpdate Tile Transpose Unpack ZerosLike
    """,
    # Loops, branches and the functions they call, whose bodies are looked through as well.
    """
    Enter Exit If LoopCond Merge NextIteration PartitionedCall StatefulPartitionedCall StatelessIf StatelessWhile Switch
    TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArrayV3
    TensorArrayWriteV3 TensorListFromTensor TensorListGetItem TensorListReserve TensorListSetItem TensorListStack While
    """,
)

ALLOWED_OPERATIONS = frozenset(" ".join(_GROUPS).split())


def forbidden_operations(graph_def: Any) -> list[str]:
    """Types of the operations in a GraphDef, its functions included, that are not allowed; sorted."""
    bodies = (function.node_def for function in graph_def.library.function)
    return sorted({node.op for nodes in (graph_def.node, *bodies) for node in nodes} - ALLOWED_OPERATIONS)
