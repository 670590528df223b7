"""[onnx] Infers the shapes of tensors, and computes tensors that depend on constants and shapes only."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.graph.order import sorted_nodes
from edgecnn.graph.protos import attributes, names_read, onnx_module

Shape = tuple[int | None, ...]
MOST_COMPUTED = 2**20  # values of a tensor that is computed from constants and shapes
MOST_STORED = 64  # values: inference reads constants such as a Reshape's target, which are short
INT64 = 7  # TensorProto.DataType


def infer(
    model: Any, nodes: Iterable[Any], constants: Mapping[str, Any], batch: int
) -> tuple[dict[str, Shape], dict[str, int]]:
    """The shape and the element type of every tensor for a batch size of `batch`. An unknown dimension is None.

    `nodes` and `constants` are the model's own, or what they have become since.
    """
    inferred = onnx_module().shape_inference.infer_shapes(_outline(model, nodes, constants, batch), data_prop=True)
    values = [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
    shapes: dict[str, Shape] = {
        value.name: tuple(dim.dim_value or None for dim in value.type.tensor_type.shape.dim)
        for value in values
        if value.type.tensor_type.HasField("shape")
    }
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    stored = {name: tuple(tensor.dims) for name, tensor in constants.items()}
    return shapes | stored, types | {name: tensor.data_type for name, tensor in constants.items()}


def _outline(model: Any, nodes: Iterable[Any], constants: Mapping[str, Any], batch: int) -> Any:
    """A copy of the model in which weights are inputs, because their values would only be copied, never read."""
    source, copy = model.graph, type(model)(ir_version=model.ir_version, opset_import=model.opset_import)
    graph, helper = copy.graph, onnx_module().helper
    graph.name = source.name
    graph.node.extend(nodes)
    graph.value_info.extend(source.value_info)
    graph.output.extend(source.output)
    graph.input.extend(value for value in source.input if value.name not in constants)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = batch
    for name, tensor in constants.items():
        if tensor.data_type == INT64 or np.prod(tensor.dims, dtype=np.int64) <= MOST_STORED:
            graph.initializer.append(tensor)
        else:
            graph.input.append(helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)))
    return copy


def compute(
    name: str, model: Any, makers: Mapping[str, Any], constants: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> NDArray[Any] | None:
    """The value of a tensor, given all shapes; None if it depends on more than constants and shapes.

    `makers` are the nodes by the names of their results.
    """
    needed = _needed(name, makers, constants, shapes)
    return _run(*needed, name, model) if needed is not None else None


def _needed(
    name: str, makers: Mapping[str, Any], constants: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> tuple[list[Any], list[Any]] | None:
    """The nodes, in order, and the constants that compute a tensor; or None. Shapes count as constants."""
    nodes: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        wanted = waiting.pop()
        if wanted in nodes or wanted in stored:
            continue
        maker = makers.get(wanted)
        if maker is not None and _is_data(shapes.get(wanted, ())):
            return None
        value = constants.get(wanted) if maker is None else _shape_of(maker, shapes)
        if value is not None:
            stored[wanted] = value
        elif maker is None or maker.op_type == "Shape":
            return None
        else:
            nodes.update(dict.fromkeys(maker.output, maker))
            waiting.extend(names_read(maker))
    return sorted_nodes(nodes.values(), nodes), list(stored.values())


def _is_data(shape: Shape) -> bool:
    """Whether a tensor has more values than a computation with shapes needs."""
    return None not in shape and math.prod(size or 0 for size in shape) > MOST_COMPUTED


def _shape_of(node: Any, shapes: Mapping[str, Shape]) -> Any | None:
    """What a Shape node returns, as a TensorProto; None if a dimension is open, or for another node."""
    shape = shapes.get(node.input[0], (None,)) if node.op_type == "Shape" else (None,)
    if None in shape:
        return None
    ends = attributes(node)
    value = np.array(shape[ends.get("start", 0) : ends.get("end")], np.int64)
    return onnx_module().numpy_helper.from_array(value, node.output[0])


def _run(nodes: list[Any], constants: list[Any], name: str, model: Any) -> NDArray[Any] | None:
    """The value that nodes without inputs compute, or None if onnx's reference evaluator cannot run them."""
    from onnx.reference import ReferenceEvaluator

    helper = onnx_module().helper
    made = helper.make_graph(nodes, "computed", [], [helper.make_empty_tensor_value_info(name)], constants)
    computing = helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        [value] = ReferenceEvaluator(computing).run(None, {})
    except Exception:  # numpy's exceptions of any type; the tensor then stays computed
        return None
    return np.asarray(value)
