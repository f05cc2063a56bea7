"""Operations that a graph from elsewhere may hold: mathematics on its inputs and nothing else.

A list of what is allowed, not of what is dangerous: TensorFlow has operations that read and write files, open sockets
and call Python, gains more with every release, and a graph may bring functions that hide them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from ssh_tf.utils.arrays import MAX_ARRAY_BYTES
from ssh_tf.utils.reading import Refused
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import GraphDef, GraphNode

# Of calls within calls, and of operations once every call is written out.
_MAX_DEPTH, _MAX_EXPANDED = 50, 1_000_000

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


def forbidden_operations(graph_def: GraphDef) -> list[str]:
    """Types of the operations in a GraphDef, its functions included, that are not allowed; sorted."""
    bodies = (function.node_def for function in graph_def.library.function)
    return sorted({node.op for nodes in (graph_def.node, *bodies) for node in nodes} - ALLOWED_OPERATIONS)


def check_calls(graph_def: GraphDef) -> None:
    """Check that calls lead to functions of the graph, end, and are not too many.

    TensorFlow looks for a name among its own operations too, and follows a function that calls itself until the stack
    is full.

    Raises:
        Refused: they do not.
    """
    functions = {function.signature.name: function for function in graph_def.library.function}
    calls = {name: Counter(_called(function.node_def)) for name, function in functions.items()}
    first = Counter(_called(graph_def.node))
    for name in sorted({name for called in (first, *calls.values()) for name in called} - functions.keys()):
        raise Refused(f"refused, the graph calls {name!r}, which is none of its functions")
    for name in sorted(ALLOWED_OPERATIONS.intersection(functions)):
        raise Refused(f"refused, the graph has a function with the name of an operation, {name}")
    # By rounds, innermost functions first: what is left over calls itself.
    expanded: dict[str, int] = {}
    for _ in range(_MAX_DEPTH):
        ready = [name for name in calls if name not in expanded and calls[name].keys() <= expanded.keys()]
        expanded |= {name: len(functions[name].node_def) + _total(calls[name], expanded) for name in ready}
    if len(expanded) < len(calls):
        name = min(calls.keys() - expanded.keys())
        raise Refused(f"refused, the function {name!r} calls itself, or calls are nested more than {_MAX_DEPTH} deep")
    if _total(first, expanded) > _MAX_EXPANDED:
        raise Refused(f"refused, its calls come to more than {_MAX_EXPANDED:,} operations")


def _total(calls: Counter[str], expanded: dict[str, int]) -> int:
    return sum(times * expanded[name] for name, times in calls.items())


def _called(nodes: Iterable[GraphNode]) -> Iterator[str]:
    """The names of the functions that `nodes` name in their attributes."""
    values = [value for node in nodes for value in node.attr.values()]
    while values:
        value = values.pop()
        for function in ([value.func] if value.HasField("func") else []) + [*value.list.func]:
            yield function.name
            values += function.attr.values()


def check_constants(graph_def: GraphDef) -> None:
    """Check that the tensors written in a graph have a size, and that memory holds them.

    A constant of one value and a large shape is a few bytes in the file.

    Raises:
        Refused: they have not, or it does not.
        TypeError: a tensor has no known type.
    """
    bodies = (function.node_def for function in graph_def.library.function)
    size = 0
    for node in (node for nodes in (graph_def.node, *bodies) for node in nodes):
        for value in node.attr.values():
            for tensor in ([value.tensor] if value.HasField("tensor") else []) + [*value.list.tensor]:
                sides = [side.size for side in tensor.tensor_shape.dim]
                if min(sides, default=0) < 0 or tensor.tensor_shape.unknown_rank:
                    raise Refused(f"the constant {node.name} has no size")
                size += math.prod(sides) * tf.as_dtype(tensor.dtype).size
    if size > MAX_ARRAY_BYTES:
        raise Refused(f"declares {size:,} bytes of constants; at most {MAX_ARRAY_BYTES:,} are read")
