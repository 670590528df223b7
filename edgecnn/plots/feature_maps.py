"""What each layer of a network makes of one image, and the kernels of its first convolution."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class View:
    """What one layer makes of an image: float32 [height, width, channels] or [units].

    `title` tells the layer and the shape, such as "conv 5×5, stride 2, relu → 14×14×16".
    """

    title: str
    values: NDArray[np.float32]


def views(model: Any, image: NDArray[np.uint8]) -> tuple[View, ...]:
    """What the layers of `model` make of one image, [height, width] or [height, width, 3], from first to last.

    `model` is a functional keras.Model. Layers that are worth seeing: what only rescales, reshapes or drops is left
    out; normalizations and activations are seen with the layer that they follow. The last view holds the probabilities.
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

    A depthwise convolution's kernels have one input each.
    """
    for layer in model.layers:
        kernel = next((np.asarray(weight, np.float32) for weight in layer.weights if len(weight.shape) == 4), None)
        if kernel is not None:
            whole = kernel.shape[-1] == layer.output.shape[-1]
            return kernel if whole else kernel.reshape(*kernel.shape[:2], 1, -1)
    return None


def _rows(model: Any) -> list[list[Any]]:
    """The layers that are seen as one: each that mixes values, and those that finish what it did."""
    rows: list[list[Any]] = []
    row_of: dict[int, list[Any]] = {}  # by what its last layer puts out
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
    """Whether a layer puts out one value for each of its one input's, with no weights that would mix them."""
    if isinstance(layer.input, list):
        return False
    as_many = prod(layer.input.shape[1:]) == prod(layer.output.shape[1:])
    return as_many and all(len(weight.shape) < 2 for weight in layer.weights)


def _describe(row: list[Any]) -> str:
    words = [word for layer in row for word in _words(layer)]
    return ", ".join(word for word in words if "dropout" not in word)  # which does nothing after training


def _words(layer: Any) -> list[str]:
    """Such as "conv 5×5", "stride 2", "relu"."""
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
    """The layer's class in plain words: "max pool" for MaxPooling2D."""
    name = type(layer).__name__.removesuffix("2D").replace("Pooling", "Pool").replace("Normalization", "Norm")
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name).lower()
