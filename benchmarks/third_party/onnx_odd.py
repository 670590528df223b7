"""ONNX files that are unlike others: quantized ones, several outputs, and what no image classifier is."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.third_party import onnx_quantized
from benchmarks.third_party.network import Table
from benchmarks.third_party.onnx_parts import Graph, torch_layers, torch_model, value_of
from benchmarks.third_party.onnx_weights import weights
from edgecnn.graph.graph import onnx_module

NETWORKS = Table()
add = partial(NETWORKS.add, form="onnx")


@add("int8 in QDQ form, by onnxruntime", scores="logits", served_only=True)
def qdq(_: Any) -> Any:
    return onnx_quantized.quantized(torch_model(weights("digits")), "QDQ")


@add("int8 with QLinearConv, by onnxruntime", scores="logits", served_only=True)
def qlinear(_: Any) -> Any:
    return onnx_quantized.quantized(torch_model(weights("digits")), "QOperator", ["Conv"])


@add("int8 with com.microsoft's QGemm", refused=True)
def qgemm(_: Any) -> Any:
    return onnx_quantized.quantized(torch_model(weights("digits")), "QOperator")


@add("weights in a file of their own", refused=True)
def external_data(_: Any) -> Any:
    model = torch_model(weights("digits"))
    for tensor in model.graph.initializer:
        tensor.data_location = 1
        tensor.ClearField("raw_data")
        tensor.external_data.add(key="location", value="network.onnx.data")
    return model


@add("ArgMax: int64 labels", refused=True)
def arg_max(_: Any) -> Any:
    graph = torch_layers(Graph("input"), weights("digits"))
    graph.add("ArgMax", axis=1, keepdims=0)
    return graph.model(value_of("input", "float32", ["N", 1, 28, 28]), value_of(graph.last, "int64", ["N"]))


@add("labels and probabilities, two outputs")
def labels_first(_: Any) -> Any:
    graph = torch_layers(Graph("input"), weights("digits"))
    scores = graph.add("Softmax", axis=1, result="probabilities")
    label = graph.add("ArgMax", axis=1, keepdims=0, result="label")
    image = value_of("input", "float32", ["N", 1, 28, 28])
    return graph.model(image, value_of(label, "int64", ["N"]), value_of(scores, "float32", ["N", 10]))


@add("scikit-learn's ZipMap", refused=True)
def zip_map(_: Any) -> Any:
    helper = onnx_module().helper
    graph = torch_layers(Graph("input"), weights("digits"))
    graph.add("Softmax", axis=1)
    graph.add("ZipMap", domain="ai.onnx.ml", result="output_probability", classlabels_int64s=list(range(10)))
    entry = helper.make_map_type_proto(7, helper.make_tensor_type_proto(1, None))
    output = helper.make_value_info("output_probability", helper.make_sequence_type_proto(entry))
    return graph.model(value_of("input", "float32", ["N", 1, 28, 28]), output, domains=["ai.onnx.ml"])


@add("a sequence of tensors as output", refused=True)
def sequence(_: Any) -> Any:
    helper = onnx_module().helper
    graph = torch_layers(Graph("input"), weights("digits"))
    graph.add("SequenceConstruct", result="scores")
    output = helper.make_value_info("scores", helper.make_tensor_sequence_value_info("scores", 1, None).type)
    return graph.model(value_of("input", "float32", ["N", 1, 28, 28]), output)


@add("two inputs, the second for dropout", refused=True)
def second_input(_: Any) -> Any:
    graph = torch_layers(Graph("input"), weights("digits"))
    graph.add("Mul", "keep_prob")
    inputs = [value_of("input", "float32", ["N", 1, 28, 28]), value_of("keep_prob", "float32", [])]
    return graph.model(inputs, value_of(graph.last, "float32", ["N", 10]))


@add("a dimension of 0", refused=True)
def zero_sized(_: Any) -> Any:
    graph = torch_layers(Graph("input"), weights("digits"))
    return graph.model(value_of("input", "float32", ["N", 0, 28, 28]), value_of(graph.last, "float32", ["N", 10]))


@add("NaN weights", refused=True)
def nan_weights(_: Any) -> Any:
    trained = dict(weights("digits"))
    trained["fc1.weight"] = np.full_like(trained["fc1.weight"], np.nan)
    return torch_model(trained)


@add("functions of its own, as the exporter of PyTorch 2.1 wrote", refused=True)
def functions(_: Any) -> Any:
    helper = onnx_module().helper
    model = torch_model(weights("digits"))
    node = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(helper.make_function("theirs", "relu", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))
    return model
