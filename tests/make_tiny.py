"""Makes models/tiny.onnx, a classifier of real digits that needs no training stack: python tests/make_tiny.py

Eight fixed filters respond to the edges of eight directions, 4×4 means of the responses are the features, and a ridge
regression on the one-hot labels of TRAINING_IMAGES images of MNIST's training split, solved in closed form, reads them.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgecnn.data import Dataset, Split, load
from edgecnn.graph.describe import describe
from edgecnn.metrics import Accuracy, accuracy
from edgecnn.origin import Origin
from edgecnn.runtime.metadata import ModelMetadata

TINY = Path(__file__).parent / "models" / "tiny.onnx"
TRAINING_IMAGES = 5000
DIRECTIONS, SIZE, POOL, CLASSES = 8, 3, 4, 10
CHUNK = 500  # images
RIDGE = 10.0
SHARPNESS = 10.0  # regression answers lie around 0 and 1; Softmax needs them further apart to say 0.9
DECIMALS = 4  # of the weights, computed in float64: what another BLAS computes differently is far beyond them
OPSET, IR_VERSION = 17, 8

Floats = NDArray[np.floating]


def make(dataset: Dataset) -> Any:
    """The model, a ModelProto, made of the training split and scored on the test split of MNIST."""
    train = dataset.train.sample(TRAINING_IMAGES, seed=0)
    filters = edge_filters()
    weight, bias = fit(features(train.images, filters), train.labels)
    score = _score(dataset.test, filters, weight, bias)
    model = _graph(filters, weight, bias)
    onnx.checker.check_model(model, full_check=True)
    helper.set_model_props(model, replace(_metadata(dataset, score), graph=describe(model)).entries())
    return model


def edge_filters() -> Floats:
    """float32 [directions, 1, 3, 3]: a plane that rises by one a pixel in each direction, for pixels from 0 to 255."""
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    y, x = np.mgrid[-1:2, -1:2]
    planes = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y
    filters: Floats = np.round(planes[:, None] / 255, 6).astype(np.float32)
    return filters


def features(images: NDArray[np.uint8], filters: Floats) -> Floats:
    """float64 [n, directions × 7 × 7]: what Conv, Relu, AveragePool and Flatten of the model compute."""
    return np.concatenate([_features(images[at : at + CHUNK], filters) for at in range(0, len(images), CHUNK)])


def _features(images: NDArray[np.uint8], filters: Floats) -> Floats:
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(np.float64)
    windows = sliding_window_view(padded, (SIZE, SIZE), axis=(1, 2))
    edges = np.maximum(np.einsum("nhwij,fij->nfhw", windows, filters[:, 0].astype(np.float64), optimize=True), 0)
    n, _, height, width = edges.shape
    blocks = edges.reshape(n, DIRECTIONS, height // POOL, POOL, width // POOL, POOL)
    pooled: Floats = blocks.mean(axis=(3, 5)).reshape(n, -1)
    return pooled


def fit(rows: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Ridge regression of the one-hot labels: weight float32 [features, classes] and bias [classes]."""
    x = np.column_stack([rows, np.ones(len(rows))])
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[-1, -1] = 0  # the bias is free
    solved = SHARPNESS * np.linalg.solve(x.T @ x + penalty, x.T @ np.eye(CLASSES)[labels])
    rounded = np.round(solved, DECIMALS).astype(np.float32)
    return rounded[:-1], rounded[-1]


def _score(split: Split, filters: Floats, weight: Floats, bias: Floats) -> Accuracy:
    logits = features(split.images, filters) @ weight + bias
    return accuracy(split.name, logits.argmax(axis=1), split.labels)


def _graph(filters: Floats, weight: Floats, bias: Floats) -> Any:
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast1", "reshape1_shape"], ["reshape1"], "reshape1"),
        helper.make_node("Conv", ["reshape1", "conv1_weight"], ["conv1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("AveragePool", ["relu1"], ["pool1"], "pool1", kernel_shape=[POOL, POOL], strides=[POOL, POOL]),
        helper.make_node("Flatten", ["pool1"], ["flatten1"], "flatten1"),
        helper.make_node("Gemm", ["flatten1", "gemm1_weight", "gemm1_bias"], ["gemm1"], "gemm1"),
        helper.make_node("Softmax", ["gemm1"], ["probabilities"], "softmax1", axis=-1),
    ]
    constants = {
        "reshape1_shape": np.array([-1, 1, 28, 28], np.int64),
        "conv1_weight": filters,
        "gemm1_weight": weight,
        "gemm1_bias": bias,
    }
    graph = helper.make_graph(
        nodes,
        "edgecnn",
        [helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(
        graph, producer_name="edgecnn", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )


def _metadata(dataset: Dataset, score: Accuracy) -> ModelMetadata:
    """As an exported model carries it, but for versions, which would make the file depend on the machine."""
    origin = Origin(dataset.name, dataset.sha256)
    return ModelMetadata(name="tiny", labels=dataset.labels, dataset=origin, accuracy=score)


if __name__ == "__main__":
    TINY.parent.mkdir(exist_ok=True)
    TINY.write_bytes(make(load()).SerializeToString(deterministic=True))
