"""[onnx] Infers the element types of a graph's tensors, including onnxruntime's own operators, which ONNX cannot."""

from collections.abc import Callable
from typing import Any

from edgecnn.graph.graph import Graph, attributes

# The types of results that differ from the first input's type: fixed types, or the number of the input that decides.
RESULTS = {
    "DynamicQuantizeLinear": ("uint8", "float", "uint8"),
    "ConvInteger": ("int32",),
    "MatMulInteger": ("int32",),
    "MatMulIntegerToFloat": ("float",),
    "DynamicQuantizeMatMul": ("float",),
}
RESULT_AT = {"QuantizeLinear": 2, "DequantizeLinear": 1, "QLinearConv": 7, "QLinearMatMul": 7, "QGemm": 8}
RESULT_WITHOUT = {"QuantizeLinear": "uint8", "QGemm": "float"}  # used if that input is omitted


def element_types(graph: Graph) -> dict[str, str]:
    """The element type of each tensor by its name, in ONNX's words: uint8, float, … onnxruntime records only a few."""
    name_of = graph.onnx.TensorProto.DataType.Name
    values = [*graph.proto.value_info, *graph.proto.input, *graph.proto.output]
    recorded = {value.name: name_of(value.type.tensor_type.elem_type).lower() for value in values}
    types = {tensor.name: name_of(tensor.data_type).lower() for tensor in graph.proto.initializer}
    types |= {value.name: recorded[value.name] for value in graph.proto.input}
    for node in graph.nodes:
        known = _results(node, types, name_of)
        fallback = types.get(node.input[0], "") if node.input else ""
        for at, name in enumerate(node.output):
            types[name] = known[at] if at < len(known) else recorded.get(name, fallback)
    return types


def _results(node: Any, types: dict[str, str], name_of: Callable[[int], str]) -> tuple[str, ...]:
    """The types of a node's results that the operator decides; empty if they follow the first input."""
    if node.op_type == "Cast":
        return (name_of(attributes(node)["to"]).lower(),)
    if node.op_type not in RESULT_AT:
        return RESULTS.get(node.op_type, ())
    at = RESULT_AT[node.op_type]
    decided = types.get(node.input[at]) if at < len(node.input) else None
    return (decided or RESULT_WITHOUT.get(node.op_type, ""),)
