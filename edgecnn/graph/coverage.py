"""[onnx] Which parts of a model run in int8 after onnxruntime has optimized it for this machine."""

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnxruntime

from edgecnn.graph.convolutions import is_plain
from edgecnn.graph.describe import weighted
from edgecnn.graph.fast_paths import Convolution, Form, Judged, judge
from edgecnn.graph.graph import Graph, attributes, onnx_module
from edgecnn.graph.loading import load_model, telling_of_damage
from edgecnn.graph.tensor_types import element_types
from edgecnn.runtime.classifier import save_optimized
from edgecnn.scratch import scratch

Precision = Literal["int8", "float16", "float32", "conversion", "data", "other"]

QUANTIZERS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
CONVERSIONS = (*QUANTIZERS, "Cast")
# Operators that move values and compute nothing. onnxruntime inserts ReorderInput and ReorderOutput to change layouts.
MOVES = {
    *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Concat", "Split", "Slice", "Gather"),
    *("Pad", "Expand", "Shape", "DepthToSpace", "SpaceToDepth", "ReorderInput", "ReorderOutput"),
}
INT8_OPERATORS = ("QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantizeMatMul")
TYPED: dict[str, Precision] = {"uint8": "int8", "int8": "int8", "float16": "float16", "float": "float32"}
FAMILIES = {"Conv": "convolution", "Gemm": "product", "MatMul": "product"}
WEIGHTS_AT = {"QLinearConv": 3, "ConvInteger": 1}
# The prefix and suffixes that onnxruntime adds to the names of the nodes it rewrites.
REWRITTEN = re.compile(r"^InsertedPrecisionFreeCast_|(_token_\d+|_nchwc)+$")


@dataclass(frozen=True)
class NodeCoverage:
    """One node of the optimized graph, and the precision it computes in.

    "conversion" changes the type of values; "data" moves values; "other" works on sizes and positions. `macs` are the
    node's multiply-accumulates for one image: 0 for a node without weights, None if the number is not known.
    """

    name: str
    operator: str
    precision: Precision
    macs: int | None


@dataclass(frozen=True)
class Leftover:
    """A node that quantizes or dequantizes at run time, and the names of the computing nodes before and after it.

    `after` is "input" at the start of the model, and "weights" if the node dequantizes stored weights. `before` holds
    "output" at the end of the model.
    """

    name: str
    operator: str
    after: str
    before: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """How a version of `onnxruntime` runs a model on this `machine` (the architecture as `platform.machine` names it).

    `int8_macs` is the share of multiply-accumulates that run in int8, 0 to 1, or None if it is not known.
    `convolutions` are the int8 convolutions, each with a verdict for every architecture.
    """

    onnxruntime: str
    machine: str
    nodes: tuple[NodeCoverage, ...]
    leftovers: tuple[Leftover, ...]
    int8_macs: float | None
    convolutions: tuple[Judged, ...]


def coverage(path: Path) -> Coverage:
    """Optimize the model for this machine as an onnxruntime session does, and report what runs in int8.

    Raises ModelError for a file that onnxruntime cannot open, and MissingDependencyError without onnx.
    """
    model = load_model(path)
    with scratch() as folder:
        output = folder / "optimized.onnx"
        save_optimized(path, output)
        optimized = onnx_module().load(output)  # it holds onnxruntime's own operators, which no file from outside may
    with telling_of_damage(path):
        return _coverage(Graph(model), Graph(optimized))


def _coverage(original: Graph, optimized: Graph) -> Coverage:
    types = element_types(optimized)
    nodes = tuple(_nodes(optimized, types, _macs(original, optimized)))
    return Coverage(
        onnxruntime=onnxruntime.__version__,
        machine=platform.machine(),
        nodes=nodes,
        leftovers=tuple(_leftovers(optimized)),
        int8_macs=_share(nodes),
        convolutions=tuple(judge(item) for item in _convolutions(optimized, types, _is_rewritten(original))),
    )


def _nodes(graph: Graph, types: dict[str, str], macs: list[int | None]) -> Iterator[NodeCoverage]:
    """Each node of the graph. `macs` are those of the nodes with weights, in the order of the graph."""
    remaining = iter(macs)
    for node in graph.nodes:
        counted = next(remaining, None) if _family(node) else 0
        yield NodeCoverage(_name(node), node.op_type, _precision(node, types), counted)


def _precision(node: Any, types: dict[str, str]) -> Precision:
    if node.op_type in CONVERSIONS:
        return "conversion"
    if node.op_type in MOVES:
        return "data"
    if node.op_type.startswith(INT8_OPERATORS):
        return "int8"
    return TYPED.get(types.get(node.input[0], ""), "other") if node.input else "other"


def _macs(original: Graph, optimized: Graph) -> list[int | None]:
    """The multiply-accumulates of the optimized graph's nodes with weights, in the order of the graph.

    They are taken from the original graph, because ONNX cannot infer the shapes of onnxruntime's own operators. Fusing
    keeps weights, so the optimized graph has the same nodes with weights in the same order. If it does not, the numbers
    are not known and every one is None.
    """
    counted = [(_family(node), macs) for node, macs in weighted(original)]
    families = [family for family in map(_family, optimized.nodes) if family]
    same = families == [family for family, _ in counted]
    return [macs for _, macs in counted] if same else [None] * len(families)


def _family(node: Any) -> str:
    """The kind of a node with weights, "convolution" or "product", for every variant of the operator; "" for others."""
    return next((family for word, family in FAMILIES.items() if word in node.op_type), "")


def _share(nodes: tuple[NodeCoverage, ...]) -> float | None:
    counted = [node.macs for node in nodes]
    total = sum(macs or 0 for macs in counted)
    if None in counted or not total:
        return None
    return sum(node.macs or 0 for node in nodes if node.precision == "int8") / total


def _leftovers(graph: Graph) -> Iterator[Leftover]:
    for node in graph.nodes:
        if node.op_type in QUANTIZERS:
            before = dict.fromkeys(reader for name in node.output for reader in _readers(graph, name))
            yield Leftover(_name(node), node.op_type, _maker(graph, node.input[0]), tuple(before))


def _maker(graph: Graph, name: str) -> str:
    """The name of the node that computes a tensor, ignoring nodes that only move values; or "weights" or "input"."""
    node = graph.producer(name)
    if node is None:
        return "weights" if any(tensor.name == name for tensor in graph.proto.initializer) else "input"
    return _maker(graph, node.input[0]) if node.op_type in MOVES and node.input else _name(node)


def _readers(graph: Graph, name: str) -> Iterator[str]:
    """The names of the nodes that compute with a tensor, ignoring nodes that only move values; or "output"."""
    for node in graph.consumers(name):
        if node.op_type in MOVES:
            yield from (reader for result in node.output for reader in _readers(graph, result))
        else:
            yield _name(node)
    if graph.is_output(name):
        yield "output"


def _convolutions(graph: Graph, types: dict[str, str], rewritten: bool) -> Iterator[Convolution]:
    """The int8 convolutions whose weights are stored in the file."""
    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.proto.initializer}
    for node in graph.nodes:
        if node.op_type in WEIGHTS_AT and node.input[WEIGHTS_AT[node.op_type]] in dims:
            values = attributes(node)
            outputs, inputs, *kernel = dims[node.input[WEIGHTS_AT[node.op_type]]]
            group = values.get("group", 1)
            signed = not rewritten and types.get(node.input[0]) == "int8"
            yield Convolution(
                name=_name(node),
                inputs=inputs * group,
                outputs=outputs,
                kernel=tuple(kernel),
                group=group,
                plain=is_plain(values),
                form=_form(graph, node, types),
                activations="int8" if signed else "uint8",
            )


def _is_rewritten(original: Graph) -> bool:
    """Whether onnxruntime creates the int8 convolutions itself, with the activation type that suits the processor.

    It does so for files in QDQ form, which hold no QLinearConv.
    """
    return all(node.op_type != "QLinearConv" for node in original.nodes)


def _form(graph: Graph, node: Any, types: dict[str, str]) -> Form:
    if node.op_type == "ConvInteger":
        return "dynamic"
    zero_point = graph.constant(node.input[5])
    is_symmetric = types.get(node.input[3]) == "int8" and zero_point is not None and not zero_point.any()
    return "symmetric" if is_symmetric else "asymmetric"


def _name(node: Any) -> str:
    """A node's name without onnxruntime's additions. A node without a name is called by its first result."""
    return REWRITTEN.sub("", node.name or node.output[0])
