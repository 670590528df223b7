"""[onnx] Writes ONNX graphs as other tools do: PyTorch, tf2onnx, CNTK (the zoo's first files), PaddlePaddle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.third_party.onnx_weights import Weights
from edgecnn.graph.graph import onnx_module

Size = int | str | None
Arrays = Mapping[str, NDArray[Any]]
TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "string": 8, "float16": 10, "float64": 11}


@dataclass
class Graph:
    """Nodes and constants as they are added. `last` is the result of the last node."""

    last: str
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, operator: str, *more: str, result: str = "", domain: str = "", **attributes: Any) -> str:
        """Add a node that reads the last result, and the other inputs."""
        name = result or f"/{operator}_{len(self.nodes)}_output_0"
        make = onnx_module().helper.make_node
        self.nodes.append(make(operator, [self.last, *more], [name], domain=domain, **attributes))
        self.last = name
        return name

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value)
        return name

    def model(
        self,
        given: Any,
        *returned: Any,
        opset: int = 17,
        ir: int = 8,
        domains: Sequence[str] = (),
        as_inputs: bool = False,
    ) -> Any:
        """The ModelProto; `as_inputs` lists constants among the inputs too, as files of IR version 3 have to."""
        onnx = onnx_module()
        helper = onnx.helper
        tensors = [onnx.numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        listed = (
            [value_of(name, str(item.dtype), item.shape) for name, item in self.constants.items()] if as_inputs else []
        )
        inputs = given if isinstance(given, list) else [given]
        graph = helper.make_graph(self.nodes, "main_graph", [*inputs, *listed], list(returned), tensors)
        opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir, producer_name="theirs")


def value_of(name: str, dtype: str, shape: Sequence[Size] | None) -> Any:
    """A graph input or output."""
    return onnx_module().helper.make_tensor_value_info(name, TYPES[dtype], shape)


def torch_layers(graph: Graph, weights: Weights, dtype: str = "float32") -> Graph:
    """Two convolutions and two dense layers, as torch.onnx.export writes them."""
    graph.constants |= {name: value.astype(dtype) for name, value in weights.items()}
    for name in ("conv1", "conv2"):
        graph.add("Conv", f"{name}.weight", f"{name}.bias", strides=[2, 2], kernel_shape=[3, 3])
        graph.add("Relu")
    graph.add("Flatten", axis=1)
    graph.add("Gemm", "fc1.weight", "fc1.bias", transB=1)
    graph.add("Relu")
    graph.add("Gemm", "fc2.weight", "fc2.bias", transB=1)
    return graph


def torch_model(
    weights: Weights,
    *ends: str,
    given: str = "input",
    returned: str = "output",
    batch: Size = "batch_size",
    dtype: str = "float32",
    **form: Any,
) -> Any:
    """A network of PyTorch, channels first, that ends with operators such as Softmax."""
    channels, classes = weights["conv1.weight"].shape[1], len(weights["fc2.bias"])
    side = 28 if channels == 1 else 32
    graph = torch_layers(Graph(given), weights, dtype)
    for end in ends:
        attributes: dict[str, Any] = {"axis": 1} if "oftmax" in end else {}
        graph.add(end, **attributes)
    graph.nodes[-1].output[0] = returned
    image = value_of(given, dtype, [batch, channels, side, side])
    return graph.model(image, value_of(returned, dtype, [batch, classes]), **form)


def tf_layers(graph: Graph, weights: Weights) -> Graph:
    """The same layers as tf2onnx writes them: channels last outside, and MatMul with Add for dense layers."""
    graph.constants |= {key: weights[key] for key in ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")}
    graph.add("Transpose", perm=[0, 3, 1, 2])
    for name in ("conv1", "conv2"):
        graph.add("Conv", f"{name}.weight", f"{name}.bias", strides=[2, 2], kernel_shape=[3, 3], auto_pad="VALID")
        graph.add("Relu")
    graph.add("Transpose", perm=[0, 2, 3, 1])
    channels = len(weights["conv2.bias"])
    width = weights["fc1.weight"].shape[1]
    side = int(np.sqrt(width // channels))
    dense = weights["fc1.weight"].T.reshape(channels, side, side, -1).transpose(1, 2, 0, 3).reshape(width, -1)
    graph.add("Reshape", graph.constant("const_fold_opt__20", np.array([-1, width])))
    graph.add("MatMul", graph.constant("dense/MatMul", dense))
    graph.add("Add", graph.constant("dense/BiasAdd", weights["fc1.bias"]))
    graph.add("Relu")
    graph.add("MatMul", graph.constant("dense_1/MatMul", weights["fc2.weight"].T.copy()))
    graph.add("Add", graph.constant("dense_1/BiasAdd", weights["fc2.bias"]))
    return graph


def tf_image(weights: Weights, dtype: str = "float32", name: str = "conv2d_input", batch: Size = "unk__32") -> Any:
    """Its input, channels last."""
    channels = weights["conv1.weight"].shape[1]
    side = 28 if channels == 1 else 32
    return value_of(name, dtype, [batch, side, side, channels])
