"""[onnx] Removes needless conversions from a quantized graph: applies patterns until none of them changes anything."""

from collections.abc import Callable, Iterator, Set
from typing import Any

from edgecnn.graph.graph import Graph, attributes
from edgecnn.graph.patterns import MOST_ROUNDS

MOVING = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice")  # operators that change no value
FLOAT_RESULT = ("Gemm", "MatMul")  # operators whose int8 kernels can return float32
BEFORE_OUTPUT = "_QuantizeLinear_Input"  # what onnxruntime's quantizer adds to the name of a quantized output
UINT8, FLOAT = 2, 1  # TensorProto.DataType

Cleaning = Callable[[Graph, Set[str]], bool]


def clean(model: Any, source: Any) -> None:
    """Apply CLEANINGS to a quantized ModelProto, in place, until none of them changes anything.

    `source` is the float32 ModelProto that it was made from.
    """
    graph, products = Graph(model), results_of_products(Graph(source))
    for _ in range(MOST_ROUNDS):
        if not any(cleaning(graph, products) for cleaning in CLEANINGS):
            break
    else:
        raise AssertionError("the patterns do not reach a fixpoint")
    graph.drop_dead()
    graph.write()


def results_of_products(graph: Graph) -> frozenset[str]:
    """The names of the results of matrix products in the float32 graph.

    If a quantized product has another result, it also computes the activation that followed it.
    """
    names = [node.output[0] for node in graph.nodes if node.op_type in FLOAT_RESULT]
    return frozenset(name + suffix for name in names for suffix in ("", BEFORE_OUTPUT))


def pixel_tensors(graph: Graph) -> list[str]:
    """The float tensors that hold the unchanged pixels of a uint8 image, possibly in another shape or order."""
    return [node.output[0] for cast in _casts_of_image(graph) for node in _moved(graph, cast)]


def _casts_of_image(graph: Graph) -> list[Any]:
    """The Cast nodes that convert a uint8 image to float."""
    images = {
        value.name
        for value in graph.proto.input
        if value.type.tensor_type.elem_type == UINT8 and graph.constant(value.name) is None
    }
    return [node for node in graph.nodes if node.op_type == "Cast" and images.intersection(node.input)]


def _moved(graph: Graph, node: Any) -> Iterator[Any]:
    """`node`, and all following nodes that only move its result."""
    yield node
    for user in graph.consumers(node.output[0]):
        if user.op_type in MOVING:
            yield from _moved(graph, user)


def image_straight_in(graph: Graph, _products: Set[str]) -> bool:
    """Remove the Cast and the QuantizeLinear of a uint8 image that is quantized to uint8 with scale 1.

    They only restore the original pixels. Returns whether there were any.
    """
    for cast in _casts_of_image(graph):
        moved = list(_moved(graph, cast))
        ends = [user for node in moved for user in graph.consumers(node.output[0]) if user not in moved]
        if not ends or not all(_is_identity(graph, end) for end in ends):
            continue
        for end in ends:
            graph.bypass(end, end.input[0])
        graph.bypass(cast, cast.input[0])
        return True
    return False


def _is_identity(graph: Graph, node: Any) -> bool:
    """Whether a node quantizes to uint8 with scale 1 and zero point 0."""
    if node.op_type != "QuantizeLinear" or len(node.input) < 3:
        return False
    zero = graph.constant(node.input[2])
    return graph.scalar(node.input[1]) == 1 and zero is not None and zero.dtype == "uint8" and not zero.any()


def float_result(graph: Graph, products: Set[str]) -> bool:
    """Remove the quantizing and dequantizing of a matrix product's result that only float32 operators read.

    They must stay if a Relu or Clip followed the product, because the quantizer replaces such an activation by the
    limits of the quantized range. The product then has the activation's result, which is not in `products`. Returns
    whether anything changed.
    """
    for node in graph.nodes:
        maker = graph.producer(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if maker is None or maker.op_type != "QuantizeLinear":
            continue
        product = graph.producer(maker.input[0])
        if product is None or product.op_type not in FLOAT_RESULT or graph.only_consumer(product) is None:
            continue
        if product.output[0] not in products:
            continue
        readers = graph.consumers(node.output[0])
        if len(graph.consumers(maker.output[0])) > 1 or any(_runs_in_int8(graph, reader) for reader in readers):
            continue
        graph.bypass(node, maker.input[0])
        graph.remove(maker)
        return True
    return False


def _runs_in_int8(graph: Graph, node: Any) -> bool:
    """Whether a runtime can fuse a node into an int8 operator.

    Its results must be quantized again, unless the int8 operator can return float32.
    """
    if node.op_type in FLOAT_RESULT and _is_dequantized(graph, node.input[1]):
        return True
    users = [user for name in node.output for user in graph.consumers(name)]
    return bool(users) and all(user.op_type == "QuantizeLinear" for user in users)


def _is_dequantized(graph: Graph, name: str) -> bool:
    maker = graph.producer(name)
    return maker is not None and maker.op_type == "DequantizeLinear"


def requantized(graph: Graph, _products: Set[str]) -> bool:
    """Remove a DequantizeLinear followed by a QuantizeLinear with the same scale and zero point.

    Returns whether there was such a pair.
    """
    for node in graph.nodes:
        maker = graph.producer(node.input[0]) if node.op_type == "QuantizeLinear" else None
        if maker is None or maker.op_type != "DequantizeLinear" or attributes(node) != attributes(maker):
            continue
        if all(_same(graph, *pair) for pair in zip(node.input[1:], maker.input[1:], strict=True)):
            graph.bypass(node, maker.input[0])
            return True
    return False


def _same(graph: Graph, first: str, second: str) -> bool:
    a, b = graph.constant(first), graph.constant(second)
    return first == second or (a is not None and b is not None and a.dtype == b.dtype and bool((a == b).all()))


CLEANINGS: tuple[Cleaning, ...] = (image_straight_in, float_result, requantized)
