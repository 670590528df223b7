"""[onnx] Rewrites a float32 graph, without changing its results, into layouts that int8 kernels run faster.

Each rewriting takes a ModelProto and returns a new one that computes the same, or None if it does not apply to the
graph. An ONNX graph is channels-first, while onnxruntime's int8 kernels are channels-last, so onnxruntime adds
Transposes at both ends. The rewritings add the opposite Transposes to the graph, so that the two cancel. In float32,
where nothing cancels them, they only cost time.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from edgecnn.graph.elimination.shapes import is_flatten, sizes_known
from edgecnn.graph.graph import TO_NHWC, Graph, attributes
from edgecnn.graph.naming import rename
from edgecnn.graph.space_to_depth import fold_stem
from edgecnn.graph.stem import find_stem, restore_channels

Rewriting = Callable[[Any], Any | None]


def channels_last(model: Any) -> Any | None:
    """Read the image and flatten the last feature map channels-last, so that int8 needs no Transpose at either end."""
    copy = _copy(model)
    graph = Graph(copy)
    stem = find_stem(graph)
    if stem is not None:
        restore_channels(graph, stem)
    changed = _flatten_channels_last(graph) or stem is not None
    _tidy(graph)
    return copy if changed else None


def space_to_depth_columns(model: Any) -> Any | None:
    """Turn four neighboring columns into channels of the first convolution. No value moves in memory."""
    return _folded(model, 1, 4)


def space_to_depth_blocks(model: Any) -> Any | None:
    """Turn blocks of 2×2 pixels into channels. A 2×2 max pool becomes the maximum of the four output phases."""
    return _folded(model, 2, 2)


def _folded(model: Any, rows: int, columns: int) -> Any | None:
    copy = _copy(model)
    graph = Graph(copy)
    stem = find_stem(graph)
    if stem is None or not fold_stem(graph, stem, rows, columns):
        return None
    _flatten_channels_last(graph)
    _tidy(graph)
    return copy


def _flatten_channels_last(graph: Graph) -> bool:
    """Transpose to channels-last before each Flatten that feeds a Gemm, and reorder the rows of the weights to match.

    Returns whether anything changed.
    """
    if not any(node.op_type == "Conv" for node in graph.nodes):
        return False  # the image itself is flattened, so no int8 kernel cancels the Transpose
    changed = False
    for node in graph.nodes:
        product = graph.only_consumer(node) if is_flatten(graph, node) else None
        shape = sizes_known(graph.shapes(2).get(node.input[0], ())[1:])
        weights = graph.constant(product.input[1]) if product is not None and product.op_type == "Gemm" else None
        if product is None or weights is None or len(shape) != 3 or not _multiplies(product, node):
            continue
        rows = weights.reshape(*shape, -1).transpose(1, 2, 0, 3).reshape(weights.shape)
        graph.set_input(product, 1, graph.add_constant(rows))
        graph.set_input(node, 0, graph.add("Transpose", [node.input[0]], perm=TO_NHWC))
        changed = True
    return changed


def _multiplies(product: Any, node: Any) -> bool:
    """Whether a Gemm multiplies the result of `node` by its weights, and transposes neither."""
    values = attributes(product)
    return product.input[0] == node.output[0] and not values.get("transA") and not values.get("transB")


def _tidy(graph: Graph) -> None:
    graph.drop_dead()
    graph.write()
    if len(graph.proto.output) == 1:
        rename(graph.proto, graph.proto.input[0].name, graph.proto.output[0].name)


def _copy(model: Any) -> Any:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy


# The rewritings by the names that users see. Add new ones here.
REWRITINGS: Mapping[str, Rewriting] = MappingProxyType(
    {
        "channels-last": channels_last,
        "space-to-depth 1×4": space_to_depth_columns,
        "space-to-depth 2×2": space_to_depth_blocks,
    }
)
