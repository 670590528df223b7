"""Builds the little convolutional nets that tests quantize, as exporting would leave them, and runs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from edgecnn.runtime.classifier import save_optimized, session_options
from edgecnn.runtime.settings import Settings

Constants = dict[str, NDArray[Any]]
CLASSES = 5
ACTIVATIONS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "Relu": {},
    "LeakyRelu": {"alpha": 0.3},
    "Clip": {},
    "Sigmoid": {},
}


@dataclass(frozen=True)
class Stem:
    """A first convolution: sizes of the image and the kernel, strides, and pads as ONNX orders them, in pixels.

    `branch` has a second convolution read the first one's result as well.
    """

    height: int = 28
    width: int = 28
    channels: int = 1
    kernel: tuple[int, int] = (5, 5)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (2, 2, 2, 2)
    filters: int = 4
    bias: bool = True
    activation: str = "Relu"
    pool: Mapping[str, Any] | None = None
    branch: bool = False
    seed: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    def images(self, count: int) -> NDArray[np.uint8]:
        """Noise of seven brightnesses, so that answers differ from image to image."""
        noise = np.random.default_rng(self.seed).integers(0, 256, (count, *self.shape), np.uint8)
        brightness = (7 - np.arange(count) % 7) / 7
        return (noise * brightness.reshape(-1, *[1] * len(self.shape))).astype(np.uint8)


POOL_2X2 = {"kernel_shape": [2, 2], "strides": [2, 2]}


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """The padding that TensorFlow's "same" takes at each end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def random_stem(seed: int) -> Stem:
    """One of very many: every size, stride, padding, activation and pool that a rewriting could meet."""
    rng = np.random.default_rng(seed)
    height, width = (int(rng.integers(12, 34)) for _ in range(2))
    if rng.random() < 0.5:  # else few widths are multiples of four
        width = width // 4 * 4
    kernel = (int(rng.integers(1, 8)), int(rng.integers(1, 8)))
    strides = (int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 1, 2, 3])))
    if rng.random() < 0.5:
        strides = (strides[0], strides[0])
    (top, bottom), (left, right) = (
        same(size, step, stride) for size, step, stride in zip((height, width), kernel, strides, strict=True)
    )
    pools: list[Mapping[str, Any] | None] = [None, POOL_2X2, POOL_2X2 | {"pads": [0, 0, 1, 1]}]
    return Stem(
        height,
        width,
        int(rng.choice([1, 3])),
        kernel,
        strides,
        (top, left, bottom, right) if rng.random() < 0.6 else (0, 0, 0, 0),
        int(rng.integers(1, 6)),
        bool(rng.random() < 0.7),
        str(rng.choice(["", "Relu", "LeakyRelu", "Clip"])),
        pools[int(rng.integers(3))],
        bool(rng.random() < 0.2),
        seed,
    )


def build(stem: Stem) -> Any:
    """Cast, Reshape, the stem, Flatten, Gemm: uint8 images in, logits out."""
    rng = np.random.default_rng(stem.seed + 1)
    constants = _stem_constants(stem, rng)
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast1", "rows"], ["reshape1"], "reshape1"),
        _convolution(stem),
    ]
    features = "conv1"
    if stem.activation:
        bounds = ["least", "most"] if stem.activation == "Clip" else []
        values = ACTIVATIONS[stem.activation]
        nodes.append(helper.make_node(stem.activation, [features, *bounds], ["act1"], "act1", **values))
        features = "act1"
    if stem.branch:
        nodes += [
            helper.make_node("Conv", [features, "branch"], ["conv2"], "conv2"),
            helper.make_node("Sub", [features, "conv2"], ["sub1"], "sub1"),
        ]
        features = "sub1"
        constants["branch"] = _floats(rng, stem.filters, stem.filters, 1, 1)
    if stem.pool is not None:
        nodes.append(helper.make_node("MaxPool", [features], ["pool1"], "pool1", **stem.pool))
        features = "pool1"
    return with_head(nodes, features, stem, constants)


def _convolution(stem: Stem) -> Any:
    top, left, bottom, right = stem.pads
    channels = stem.channels
    return helper.make_node(
        "Conv",
        ["reshape1", "weight", *(["bias"] if stem.bias else [])],
        ["conv1"],
        "conv1",
        kernel_shape=[stem.kernel[0], stem.kernel[1] * channels],
        strides=[stem.strides[0], stem.strides[1] * channels],
        pads=[top, left * channels, bottom, right * channels],
    )


def _stem_constants(stem: Stem, rng: np.random.Generator) -> Constants:
    constants: Constants = {
        "rows": np.array([-1, 1, stem.height, stem.width * stem.channels]),
        "weight": _floats(rng, stem.filters, 1, stem.kernel[0], stem.kernel[1] * stem.channels) / 100,
    }
    if stem.bias:
        constants["bias"] = _floats(rng, stem.filters)
    if stem.activation == "Clip":
        constants |= {"least": np.array(-0.2, np.float32), "most": np.array(6, np.float32)}
    return constants


def with_head(
    nodes: Sequence[Any], features: str, stem: Stem, constants: Constants, *, classes: int = CLASSES, **changes: Any
) -> Any:
    """Flatten and Gemm after `features`, however large they are."""
    image = odd.value("image", "uint8", ["batch", *stem.shape])
    outline = [odd.value(features, "float32", ["batch", None, None, None])]
    body = odd.model_of(nodes, [image], outline, constants, **changes)
    width = int(np.prod(run(body, stem.images(1)).shape[1:]))
    rng = np.random.default_rng(stem.seed + 2)
    head = [
        helper.make_node("Flatten", [features], ["flatten1"], "flatten1"),
        helper.make_node("Gemm", ["flatten1", "head", "head_bias"], ["logits"], "gemm1"),
    ]
    constants = constants | {
        "head": _floats(rng, width, classes) / np.float32(np.sqrt(width)),
        "head_bias": _floats(rng, classes),
    }
    return odd.model_of(
        [*nodes, *head], [image], [odd.value("logits", "float32", ["batch", classes])], constants, **changes
    )


def with_softmax(model: Any) -> Any:
    """A copy that returns probabilities."""
    copy = copied(model)
    copy.graph.node.append(helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax1", axis=-1))
    copy.graph.output[0].name = "probabilities"
    return copy


def digits(**changes: Any) -> Stem:
    """A stem for MNIST's 28×28 pixels that every rewriting suits."""
    return replace(Stem(kernel=(5, 5), pads=(2, 2, 2, 2), filters=16, pool=POOL_2X2), **changes)


def two_convolutions(stem: Stem, between: Sequence[str] = ("Relu",), last: Sequence[str] = ("Relu",)) -> Any:
    """The stem, then operators of one input, a second convolution and more of such operators; probabilities out."""
    rng = np.random.default_rng(7)
    constants = _stem_constants(replace(stem, activation=""), rng)
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast1", "rows"], ["reshape1"], "reshape1"),
        _convolution(stem),
    ]
    features = _chain(nodes, "conv1", between)
    nodes.append(helper.make_node("MaxPool", [features], ["pool1"], "pool1", **POOL_2X2))
    nodes.append(helper.make_node("Conv", ["pool1", "weight2", "bias2"], ["conv2"], "conv2", strides=[2, 2]))
    constants |= {"weight2": _floats(rng, 16, stem.filters, 3, 3) / 12, "bias2": _floats(rng, 16)}
    return with_softmax(with_head(nodes, _chain(nodes, "conv2", last), stem, constants))


def _chain(nodes: list[Any], name: str, operators: Sequence[str]) -> str:
    for operator in operators:
        result = f"{name}_{operator.lower()}"
        nodes.append(helper.make_node(operator, [name], [result], result))
        name = result
    return name


def _floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(0, 1, shape).astype(np.float32)


def copied(model: Any) -> Any:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy


def run(model: Any, images: NDArray[Any]) -> NDArray[np.float32]:
    """The model's first result."""
    return run_all(model, images)[0]


def run_all(model: Any, images: NDArray[Any]) -> list[NDArray[np.float32]]:
    options = session_options(Settings())
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    results: list[NDArray[np.float32]] = session.run(None, {session.get_inputs()[0].name: images})
    return results


def optimized(model: Any, folder: Path) -> Any:
    """The graph as onnxruntime runs it here."""
    odd.save(model, folder / "before.onnx")
    save_optimized(folder / "before.onnx", folder / "after.onnx")
    return onnx.load(folder / "after.onnx").graph


def operators(graph: Any) -> list[str]:
    return [node.op_type for node in graph.node]


def residual(stem: Stem) -> Any:
    """A stem, then a convolution whose result is added to what it reads; probabilities out."""
    rng = np.random.default_rng(9)
    constants = _stem_constants(replace(stem, activation=""), rng)
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast1", "rows"], ["reshape1"], "reshape1"),
        _convolution(stem),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("Conv", ["relu1", "weight2"], ["conv2"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["conv2"], ["sigmoid1"], "sigmoid1"),
        helper.make_node("Add", ["sigmoid1", "relu1"], ["add1"], "add1"),
        helper.make_node("Relu", ["add1"], ["relu2"], "relu2"),
    ]
    constants["weight2"] = _floats(rng, stem.filters, stem.filters, 3, 3) / 12
    return with_softmax(with_head(nodes, "relu2", stem, constants))


def mobile(stem: Stem, opset: int = 17) -> Any:
    """What small foreign nets are made of: ReLU6, depthwise, squeeze-and-excite, Concat and averages."""
    rng = np.random.default_rng(11)
    filters = stem.filters
    constants = _stem_constants(replace(stem, activation=""), rng) | {
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
        "depthwise": _floats(rng, filters, 1, 3, 3) / 2,
        "depthwise_bias": _floats(rng, filters),
        "squeeze": _floats(rng, filters, filters, 1, 1) / 3,
        "pointwise": _floats(rng, 2 * filters, filters, 1, 1) / 3,
    }
    plain = helper.make_node
    nodes = [
        plain("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        plain("Reshape", ["cast1", "rows"], ["reshape1"], "reshape1"),
        _convolution(stem),
        plain("Clip", ["conv1", "zero", "six"], ["clip1"], "clip1"),
        plain("Conv", ["clip1", "depthwise", "depthwise_bias"], ["conv2"], "conv2", group=filters, pads=[1, 1, 1, 1]),
        plain("Clip", ["conv2", "zero", "six"], ["clip2"], "clip2"),
        plain("GlobalAveragePool", ["clip2"], ["mean1"], "mean1"),
        plain("Conv", ["mean1", "squeeze"], ["conv3"], "conv3"),
        plain("Sigmoid", ["conv3"], ["sigmoid1"], "sigmoid1"),
        plain("Mul", ["clip2", "sigmoid1"], ["mul1"], "mul1"),
        plain("Conv", ["mul1", "pointwise"], ["conv4"], "conv4", strides=[2, 2]),
        plain("AveragePool", ["clip2"], ["pool1"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        plain("Concat", ["conv4", "pool1"], ["concat1"], "concat1", axis=1),
        plain("LeakyRelu", ["concat1"], ["leaky1"], "leaky1", alpha=0.1),
        plain("GlobalAveragePool", ["leaky1"], ["mean2"], "mean2"),
    ]
    ir_version = helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
    return with_softmax(with_head(nodes, "mean2", stem, constants, opset=opset, ir_version=ir_version))


def error(made: Any, source: Any, images: NDArray[Any]) -> float:
    """The largest difference between two models' answers, in standard deviations of the second's over the images.

    Of int8 it is some 0.1; a part that is left out or computed otherwise makes it more than 1.
    """
    expected = run(source, images)
    return float(np.abs(run(made, images) - expected).max() / expected.std(axis=0).max())
