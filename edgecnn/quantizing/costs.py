"""[onnx] Measures with onnxruntime's profiler what each part of a graph costs in float32 and int8 on this machine."""

import re
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.graph.graph import TO_NHWC, Graph, onnx_module
from edgecnn.graph.units import renamed, units_of
from edgecnn.quantizing.min_cut import NEVER, Costs
from edgecnn.quantizing.quantizers import quantizable
from edgecnn.quantizing.timing import turn
from edgecnn.runtime.classifier import Classifier, profile
from edgecnn.scratch import scratch

PROFILED_SECONDS = 0.3
PROFILED_RUNS = (30, 400)  # at least and at most: every run makes the profile's file larger
BORDER_SIZES = (1_000, 50_000)  # numbers of values for which a change of precision is timed: a small and a large tensor
# The name of a unit while it is profiled. onnxruntime builds the names of fused nodes from it.
UNIT = re.compile(r"\bunit(\d+)_")
CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")

Quantizer = Callable[[Any], Any]


def measure(model: Any, quantize: Quantizer, image: NDArray[Any]) -> Costs:
    """Measure the costs of a float32 ModelProto's units, in microseconds, on one prepared image [1, …].

    `quantize` converts the whole ModelProto to int8. A unit is a node and the activation after it, named after the
    node.
    """
    units = units_of(Graph(model))
    numbered = renamed(model, units)
    names = list(dict.fromkeys(units.values()))
    float32 = _costs_of_units(numbered, names, image)
    int8 = _costs_of_units(quantize(numbered), names, image)
    able = quantizable() | {"Cast"}  # int8 needs no Cast of a uint8 image, so its cost there is 0
    kinds = {node.name: node.op_type for node in model.graph.node}
    return Costs(
        {name: (float32[name], int8[name] if kinds[name] in able else NEVER) for name in names},
        _borders(model, units),
    )


def _costs_of_units(model: Any, names: list[str], image: NDArray[Any]) -> dict[str, float]:
    """The microseconds of each unit. Conversions and changes of layout between units are not counted."""
    costs = dict.fromkeys(names, 0.0)
    for node, (operator, time) in _costs_of_nodes(model, image).items():
        found = UNIT.search(node)
        if found and operator not in CONVERSIONS:
            costs[names[int(found[1])]] += time
    return costs


def _costs_of_nodes(model: Any, image: NDArray[Any]) -> dict[str, tuple[str, float]]:
    """The operator and microseconds of each node that runs, without the time that the profiler adds."""
    with scratch() as folder:
        path = folder / "model.onnx"
        onnx_module().save(model, path)
        classifier = Classifier(path, threads=1)
        latency = turn(lambda: classifier.run(image))
        nodes = profile(path, image, int(np.clip(PROFILED_SECONDS * 1e6 / latency, *PROFILED_RUNS)))
    added = max(0.0, (sum(time for _, time in nodes.values()) - latency) / len(nodes))
    return {name: (operator, max(time - added, 0.0)) for name, (operator, time) in nodes.items()}


def _borders(model: Any, units: Mapping[str, str]) -> dict[tuple[str, str], float]:
    """The microseconds to change the precision between connected units, estimated from the number of values passed."""
    graph = Graph(model)
    shapes = graph.shapes(1)
    fixed, each = _conversion()
    borders: dict[tuple[str, str], float] = {}
    for node in graph.nodes:
        for name in node.input:
            maker = graph.producer(name)
            if maker is not None and units[maker.name] != units[node.name]:
                values = prod(size or 1 for size in shapes.get(name, ()))
                pair = (units[maker.name], units[node.name])
                borders[pair] = borders.get(pair, 0.0) + fixed + each * values
    return borders


def _conversion() -> tuple[float, float]:
    """The microseconds to change a tensor's precision and layout: a fixed part, and a part for each value."""
    small, large = (_conversion_of(size) for size in BORDER_SIZES)
    each = max(large - small, 0.0) / (BORDER_SIZES[1] - BORDER_SIZES[0])
    return max(small - each * BORDER_SIZES[0], 0.0), each


def _conversion_of(size: int) -> float:
    """Half of the microseconds that a Quantize, a Dequantize and a change of layout take for `size` values."""
    shape = [1, 8, 5, size // 40]
    costs = _costs_of_nodes(_converter(shape), np.zeros(shape, np.float32))
    return sum(cost for _, cost in costs.values()) / 2


def _converter(shape: list[int]) -> Any:
    """A model that quantizes its input of `shape`, changes the layout, and dequantizes it."""
    onnx = onnx_module()
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["quantized"]),
        helper.make_node("Transpose", ["quantized"], ["moved"], perm=TO_NHWC),
        helper.make_node("Flatten", ["moved"], ["flat"]),
        helper.make_node("DequantizeLinear", ["flat", "scale", "zero"], ["y"]),
    ]
    constants = {"scale": np.array(1, np.float32), "zero": np.array(0, np.uint8)}
    given, returned = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)
        for name, sizes in (("x", shape), ("y", [1, prod(shape)]))
    )
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "converter", [given], [returned], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
