"""[onnx] Exact rewritings of a float32 graph that int8 kernels like better; in float32 they would only cost time.

Each takes a ModelProto and returns another one that computes the same, or None where the graph has no such place.
onnxruntime's int8 kernels work channels-last and convert an ONNX graph, which is channels-first, by Transposes at its
ends. Writing those Transposes out where they cancel leaves none.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from edgecnn.graph.elimination.shapes import is_flatten, sizes_known
from edgecnn.graph.graph import TO_NHWC, Graph, attributes
from edgecnn.graph.space_to_depth import fold_stem
from edgecnn.graph.stem import find_stem, restore_channels

Rewriting = Callable[[Any], Any | None]


def channels_last(model: Any) -> Any | None:
    """Read the image, and flatten the last feature map, channels-last: no Transpose is left at either end."""
    copy = _copy(model)
    graph = Graph(copy)
    stem = find_stem(graph)
    if stem is not None:
        restore_channels(graph, stem)
    changed = _flatten_channels_last(graph) or stem is not None
    _tidy(graph)
    return copy if changed else None


def space_to_depth_columns(model: Any) -> Any | None:
    """Four neighboring columns become channels of the first convolution: memory is read as it lies, nothing moves."""
    return _folded(model, 1, 4)


def space_to_depth_blocks(model: Any) -> Any | None:
    """Blocks of 2×2 pixels become channels; a 2×2 pool that follows is the maximum over the four output phases."""
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
    """Flatten then multiply = Transpose to channels-last, flatten, multiply by weights whose rows are put in order."""
    if not any(node.op_type == "Conv" for node in graph.nodes):
        return False  # it is the image that is flattened, and no kernel would cancel the Transpose
    changed = False
    for node in graph.nodes:
        product = graph.only_consumer(node) if is_flatten(graph, node) else None
        shape = sizes_known(graph.shapes(2).get(node.input[0], ())[1:])
        weights = graph.constant(product.input[1]) if product is not None and product.op_type == "Gemm" else None
        if product is None or weights is None or len(shape) != 3 or not _multiplies(product, node):
            continue
        rows = weights.reshape(*shape, -1).transpose(1, 2, 0, 3).reshape(weights.shape)
        product.input[1] = graph.add_constant(rows)
        node.input[0] = graph.insert_before(node, "Transpose", [node.input[0]], perm=TO_NHWC)
        changed = True
    return changed


def _multiplies(product: Any, node: Any) -> bool:
    """Whether the result of `node` is what a Gemm multiplies by its weights, neither of them transposed."""
    values = attributes(product)
    return product.input[0] == node.output[0] and not values.get("transA") and not values.get("transB")


def _tidy(graph: Graph) -> None:
    graph.drop_dead()
    if len(graph.proto.output) == 1:
        graph.rename(graph.proto.input[0].name, graph.proto.output[0].name)


def _copy(model: Any) -> Any:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy


# By the names users see. Further rewritings are added here.
REWRITINGS: Mapping[str, Rewriting] = MappingProxyType(
    {
        "channels-last": channels_last,
        "space-to-depth 1×4": space_to_depth_columns,
        "space-to-depth 2×2": space_to_depth_blocks,
    }
)
