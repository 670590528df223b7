"""Builds the little ONNX models that the tests hand to the package: well-formed, unusual and hostile ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Size = int | str | None
TYPES = {
    "uint8": onnx.TensorProto.UINT8,
    "float32": onnx.TensorProto.FLOAT,
    "float16": onnx.TensorProto.FLOAT16,
    "int64": onnx.TensorProto.INT64,
    "string": onnx.TensorProto.STRING,
}


def value(name: str, dtype: str, shape: Sequence[Size]) -> Any:
    """A graph input or output."""
    return helper.make_tensor_value_info(name, TYPES[dtype], list(shape))


def model_of(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Mapping[str, NDArray[Any]],
    *,
    metadata: Mapping[str, str] | None = None,
    opset: int = 17,
    ir_version: int = 8,
) -> Any:
    """A ModelProto of these parts."""
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(list(nodes), "odd", list(inputs), list(outputs), tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    helper.set_model_props(model, dict(metadata or {}))
    return model


def linear(
    shape: Sequence[Size] = (28, 28),
    dtype: str = "uint8",
    *,
    classes: int = 10,
    batch: Size = "batch",
    metadata: Mapping[str, str] | None = None,
    opset: int = 17,
    ir_version: int = 8,
) -> Any:
    """Softmax of one Gemm over the pixels, in their order; where a size is open, over their mean."""
    is_open = not all(isinstance(size, int) for size in shape)
    width = 1 if is_open else int(np.prod([int(size) for size in shape if isinstance(size, int)]))
    weight = np.random.default_rng(0).normal(0, 0.01, (width, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["pixels"]),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1]),
        helper.make_node("Gemm", ["mean" if is_open else "pixels", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    return model_of(
        nodes if is_open else [node for node in nodes if node.op_type != "ReduceMean"],
        [value("image", dtype, [batch, *shape])],
        [value("probabilities", "float32", [batch, classes])],
        {"weight": weight},
        metadata=metadata,
        opset=opset,
        ir_version=ir_version,
    )


def filled(model: Any, number: float) -> Any:
    """The model with `number` for each of its weights."""
    for tensor in model.graph.initializer:
        if tensor.name == "weight":
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(tensor), number), "weight"))
    return model


def two_outputs() -> Any:
    """`linear` that returns its logits too, after its probabilities."""
    model = linear()
    model.graph.output.append(value("logits", "float32", ["batch", 10]))
    return model


def endless() -> Any:
    """Opens well, and goes round a loop for some centuries when it is run."""
    kept = [helper.make_node("Identity", [name], [f"{name}_kept"]) for name in ("going", "pixels")]
    condition = [helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, []) for name in ("going", "going_kept")]
    pixels = [value(name, "float32", ["batch", 10]) for name in ("pixels", "pixels_kept")]
    body = helper.make_graph(
        kept, "body", [value("turn", "int64", []), condition[0], pixels[0]], [condition[1], pixels[1]]
    )
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["logits"]),
        helper.make_node("Loop", ["turns", "", "logits"], ["probabilities"], body=body),
    ]
    return model_of(
        nodes,
        [value("image", "uint8", ["batch", 28, 28])],
        [value("probabilities", "float32", ["batch", 10])],
        {"weight": np.ones((784, 10), np.float32), "turns": np.array(2**62)},
    )


def save(model: Any, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def save_external(model: Any, path: Path, location: str) -> Path:
    """Write a model whose `weight` lies in the file that `location` names; returns the model's path."""
    tensor = next(item for item in model.graph.initializer if item.name == "weight")
    raw, tensor.data_location = tensor.raw_data, onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    for key, text in (("location", location), ("offset", "0"), ("length", str(len(raw)))):
        tensor.external_data.add(key=key, value=text)
    return save(model, path)


def weights_of(model: Any) -> bytes:
    """What the file of external data has to hold."""
    return bytes(next(item for item in model.graph.initializer if item.name == "weight").raw_data)
