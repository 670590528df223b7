"""Computes the feature maps of a network for one image, and reads the kernels of its first convolution."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class View:
    """The output of one layer for an image: float32 [height, width, channels] or [units].

    `title` names the layer and the shape of its output, such as "conv 5×5, stride 2, relu → 14×14×16".
    """

    title: str
    values: NDArray[np.float32]


def views(model: Any, image: NDArray[np.uint8]) -> tuple[View, ...]:
    """The outputs of a model's layers for one image, uint8 [height, width] or [height, width, 3], from first to last.

    `model` is a functional keras.Model. Layers that only rescale, reshape or drop values are left out. Normalizations
    and activations are shown together with the layer before them. The last view holds the probabilities.
    """
    rows = _rows(model)
    probe = type(model)(model.input, [row[-1].output for row in rows])
    outputs = probe(image[None], training=False)
    return tuple(
        View(f"{_describe(row)} → {_times(output.shape[1:])}", np.asarray(output[0], np.float32))
        for row, output in zip(rows, outputs, strict=True)
        if len(output.shape) in (2, 4)  # units or maps of a batch
    )


def first_kernels(model: Any) -> NDArray[np.float32] | None:
    """The kernels of the first convolution, float32 [height, width, inputs, kernels]; None without a convolution.

    Each kernel of a depthwise convolution has one input.
    """
    for layer in model.layers:
        kernel = next((np.asarray(weight, np.float32) for weight in layer.weights if len(weight.shape) == 4), None)
        if kernel is not None:
            whole = kernel.shape[-1] == layer.output.shape[-1]
            return kernel if whole else kernel.reshape(*kernel.shape[:2], 1, -1)
    return None


def _rows(model: Any) -> list[list[Any]]:
    """The layers in groups that are shown together: a layer that mixes values, and the layers that finish its work."""
    rows: list[list[Any]] = []
    row_of: dict[int, list[Any]] = {}  # by the identity of the output of the row's last layer
    for layer in model.layers[1:]:
        if layer is model.layers[-1] or not _finishes(layer):
            rows.append([layer])
            row_of[id(layer.output)] = rows[-1]
        elif id(layer.input) in row_of and layer.input.shape == layer.output.shape:
            row = row_of.pop(id(layer.input))
            row.append(layer)
            row_of[id(layer.output)] = row
    return rows


def _finishes(layer: Any) -> bool:
    """Whether a layer has one input, and computes each output value from one input value."""
    if isinstance(layer.input, list):
        return False
    as_many = prod(layer.input.shape[1:]) == prod(layer.output.shape[1:])
    return as_many and all(len(weight.shape) < 2 for weight in layer.weights)


def _describe(row: list[Any]) -> str:
    """The layers of a row in words, such as "conv 5×5, stride 2, relu"."""
    words = [word for layer in row for word in _words(layer)]
    return ", ".join(word for word in words if "dropout" not in word)  # dropout does nothing after training


def _words(layer: Any) -> list[str]:
    """The words for one layer, such as "conv 5×5", "stride 2" and "relu"."""
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    strides = getattr(layer, "strides", None)
    usual = getattr(layer, "pool_size", (1, 1))
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    words = [] if _kind(layer) == "activation" else [" ".join([_kind(layer), *([_times(size)] if size else [])])]
    if strides not in (None, usual):
        words.append(f"stride {_times(strides) if len(set(strides)) > 1 else strides[0]}")
    return words if activation == "linear" else [*words, activation]


def _times(sizes: Iterable[int]) -> str:
    return "×".join(map(str, sizes))


def _kind(layer: Any) -> str:
    """The layer's class in plain words, such as "max pool" for MaxPooling2D."""
    name = type(layer).__name__.removesuffix("2D").replace("Pooling", "Pool").replace("Normalization", "Norm")
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name).lower()
