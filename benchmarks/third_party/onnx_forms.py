"""ONNX files in the forms that other tools write, with trained weights."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.third_party.network import Table
from benchmarks.third_party.onnx_parts import Graph, tf_image, tf_layers, torch_layers, torch_model, value_of
from benchmarks.third_party.onnx_weights import Weights, for_pixels, weights
from benchmarks.third_party.pixels import IMAGENET

NETWORKS = Table()
MEAN, STD = 0.1307, 0.3081


add = partial(NETWORKS.add, form="onnx")


def _mnist() -> Any:
    return for_pixels(weights("digits"), 1 / (255 * STD), -MEAN / STD)


def _tf(trained: Weights, *ends: str, dtype: str = "float32", cast: bool = False, **form: Any) -> Any:
    graph = Graph("conv2d_input")
    if cast:
        graph.add("Cast", to=1)
    tf_layers(graph, trained)
    for end in ends:
        graph.add(end)
    return graph.model(tf_image(trained, dtype), value_of(graph.last, "float32", ["unk__33", 10]), **form)


@add(
    "PyTorch's example for MNIST: log-softmax, mean and deviation, a fixed batch of 1",
    pixels="mnist",
    scores="log-probabilities",
)
def torch_mnist_example(_: Any) -> Any:
    return torch_model(_mnist(), "LogSoftmax", given="input.1", returned="19", batch=1, opset=9, ir=4)


@add("PyTorch with dynamic axes, ToTensor only, logits", scores="logits")
def torch_to_tensor(_: Any) -> Any:
    return torch_model(weights("digits"))


@add("PyTorch, Normalize(0.5, 0.5), logits, the exporter of 2.5: opset 18, IR 10", pixels="-1..1", scores="logits")
def torch_dynamo(_: Any) -> Any:
    trained = for_pixels(weights("digits"), 1 / 127.5, -1.0)
    return torch_model(trained, given="x", returned="linear_1", batch="s0", opset=18, ir=10)


@add(
    "PyTorch, color with ImageNet's mean and deviation, logits",
    pixels="imagenet",
    data="color",
    scores="logits",
    layout="first",
)
def torch_imagenet(_: Any) -> Any:
    mean, std = map(np.array, IMAGENET)
    return torch_model(for_pixels(weights("color"), list(1 / (255 * std)), list(-mean / std)))


@add("PyTorch, color 0 to 1, softmax, batch of 4", data="color", layout="first")
def torch_batch_of_4(_: Any) -> Any:
    return torch_model(weights("color"), "Softmax", batch=4)


@add("PyTorch, opset 23, IR 12", scores="logits")
def torch_new_opset(_: Any) -> Any:
    return torch_model(weights("digits"), opset=23, ir=12)


@add("PyTorch, one logit for two classes", data="two", scores="one logit")
def torch_one_logit(_: Any) -> Any:
    return torch_model(weights("two"))


@add("PyTorch, Sigmoid for two classes", data="two", scores="one")
def torch_one_sigmoid(_: Any) -> Any:
    return torch_model(weights("two"), "Sigmoid")


@add("PyTorch, a Sigmoid for each class", scores="independent")
def torch_sigmoids(_: Any) -> Any:
    return torch_model(weights("many"), "Sigmoid")


@add("PyTorch, log-softmax, pixels of 0 to 255", pixels="0..255", scores="log-probabilities")
def torch_raw_log_softmax(_: Any) -> Any:
    return torch_model(for_pixels(weights("digits"), 1.0, 0.0), "LogSoftmax")


@add("PyTorch, mean and deviation inside the model, color", data="color", scores="logits", layout="first")
def torch_normalize_inside(_: Any) -> Any:
    mean, std = (np.array(item, np.float32).reshape(1, 3, 1, 1) for item in IMAGENET)
    trained = for_pixels(weights("color"), list(1 / (255 * std.ravel())), list((-mean / std).ravel()))
    graph = Graph("pixel_values")
    graph.add("Sub", graph.constant("mean", mean))
    graph.add("Div", graph.constant("std", std))
    torch_layers(graph, trained)
    image = value_of("pixel_values", "float32", ["batch_size", 3, 32, 32])
    return graph.model(image, value_of(graph.last, "float32", ["batch_size", 10]))


@add("tf2onnx, channels last, softmax, opset 13")
def tf2onnx(_: Any) -> Any:
    return _tf(weights("digits"), "Softmax", opset=13, ir=7)


@add("tf2onnx, color, -1 to 1, logits", pixels="-1..1", data="color", scores="logits")
def tf2onnx_color(_: Any) -> Any:
    return _tf(for_pixels(weights("color"), 1 / 127.5, -1.0), opset=15)


@add('tf2onnx, color, mode "caffe"', pixels="caffe", data="color")
def tf2onnx_caffe(_: Any) -> Any:
    trained = for_pixels(weights("color"), 1.0, [-103.939, -116.779, -123.68], bgr=True)
    return _tf(trained, "Softmax", opset=15)


@add("tf2onnx with a Rescaling inside", pixels="0..255")
def tf2onnx_rescaling(_: Any) -> Any:
    graph = Graph("rescaling_input")
    graph.add("Mul", graph.constant("sequential/rescaling/Cast/x:0", np.float32(1 / 255)))
    graph.add("Add", graph.constant("sequential/rescaling/Cast_1/x:0", np.float32(0)))
    tf_layers(graph, weights("digits"))
    graph.add("Softmax")
    image = tf_image(weights("digits"), name="rescaling_input")
    return graph.model(image, value_of(graph.last, "float32", ["unk__33", 10]), opset=15)


@add("uint8 input, channels last", pixels="uint8")
def uint8_last(_: Any) -> Any:
    return _tf(for_pixels(weights("digits"), 1.0, 0.0), "Softmax", dtype="uint8", cast=True)


@add("uint8 input, channels first, color, logits", pixels="uint8", data="color", scores="logits", layout="first")
def uint8_first(_: Any) -> Any:
    graph = Graph("image")
    graph.add("Cast", to=1)
    torch_layers(graph, for_pixels(weights("color"), 1.0, 0.0))
    return graph.model(value_of("image", "uint8", ["N", 3, 32, 32]), value_of(graph.last, "float32", ["N", 10]))


@add("flat [N, 784], dense layers", scores="logits")
def flat_784(_: Any) -> Any:
    graph = Graph("float_input")
    graph.add("Reshape", graph.constant("shape", np.array([-1, 1, 28, 28])))
    torch_layers(graph, weights("digits"))
    return graph.model(value_of("float_input", "float32", [None, 784]), value_of(graph.last, "float32", [None, 10]))


@add(
    "the zoo's MNIST-8 by CNTK: IR 3, opset 8, constants among the inputs, weights reshaped, [1, 10]",
    pixels="0..255",
    scores="logits",
)
def cntk_mnist_8(_: Any) -> Any:
    trained = for_pixels(weights("digits"), 1.0, 0.0)
    graph = Graph("Input3")
    for name in ("conv1", "conv2"):
        kernel = graph.constant(f"{name}_Parameter", trained[f"{name}.weight"])
        graph.add("Conv", kernel, strides=[2, 2], kernel_shape=[3, 3], auto_pad="VALID", group=1, dilations=[1, 1])
        graph.add("Add", graph.constant(f"{name}_Plus", trained[f"{name}.bias"].reshape(-1, 1, 1)))
        graph.add("Relu")
    graph.add("Reshape", graph.constant("Pooling160_Output_0_reshape0_shape", np.array([1, 576])))
    features = graph.last
    graph.last = graph.constant("Parameter193", trained["fc1.weight"].T.reshape(16, 6, 6, 32))
    reshaped = graph.add("Reshape", graph.constant("Parameter193_reshape1_shape", np.array([576, 32])))
    graph.last = features
    graph.add("MatMul", reshaped)
    graph.add("Add", graph.constant("Parameter194", trained["fc1.bias"].reshape(1, -1)))
    graph.add("Relu")
    graph.add("MatMul", graph.constant("Parameter195", trained["fc2.weight"].T.copy()))
    graph.add("Add", graph.constant("Parameter196", trained["fc2.bias"].reshape(1, -1)), result="Plus214_Output_0")
    image, scores = value_of("Input3", "float32", [1, 1, 28, 28]), value_of(graph.last, "float32", [1, 10])
    return graph.model(image, scores, opset=8, ir=3, as_inputs=True)


@add("PaddlePaddle: opset 11, dimensions of -1, softmax", pixels="-1..1")
def paddle(_: Any) -> Any:
    trained = for_pixels(weights("digits"), 1 / 127.5, -1.0)
    return torch_model(trained, "Softmax", given="x", returned="softmax_0.tmp_0", batch=-1, opset=11, ir=6)


@add("PyTorch of old: the output's shape is not told", scores="logits")
def no_output_shape(_: Any) -> Any:
    graph = torch_layers(Graph("0"), weights("digits"))
    return graph.model(
        value_of("0", "float32", ["N", 1, 28, 28]), value_of(graph.last, "float32", None), opset=10, ir=5
    )


@add("every axis dynamic, though only 32×32 fits, color, logits", data="color", scores="logits", layout="first")
def every_axis_dynamic(_: Any) -> Any:
    graph = torch_layers(Graph("images"), weights("color"))
    image = value_of("images", "float32", ["batch", 3, "height", "width"])
    return graph.model(image, value_of(graph.last, "float32", ["batch", 10]))


@add("[batch, classes, 1, 1], as SqueezeNet", scores="logits", refused=True)
def squeezed(_: Any) -> Any:
    graph = torch_layers(Graph("data"), weights("digits"))
    graph.add("Unsqueeze", graph.constant("axes", np.array([2, 3])))
    return graph.model(value_of("data", "float32", ["N", 1, 28, 28]), value_of(graph.last, "float32", ["N", 10, 1, 1]))


@add("float16 input, weights and output", scores="logits")
def float16_onnx(_: Any) -> Any:
    return torch_model(weights("digits"), dtype="float16")


@add("float64 input", refused=True, scores="logits")
def float64_onnx(_: Any) -> Any:
    return torch_model(weights("digits"), dtype="float64")


@add("int64 input", refused=True)
def int64_onnx(_: Any) -> Any:
    return _tf(for_pixels(weights("digits"), 1.0, 0.0), "Softmax", dtype="int64", cast=True)
