"""The weights of the ONNX networks: trained once in Keras with x / 255, then rewritten for each one's own pixels."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.third_party.network import WORK, Network
from benchmarks.third_party.parts import COLOR, DIGITS, convolutions, stack

Weights = Mapping[str, NDArray[np.float32]]
NAMES = tuple(f"{layer}.{part}" for layer in ("conv1", "conv2", "fc1", "fc2") for part in ("weight", "bias"))
# What the last layer returns, by the name of the images.
HEADS = {"digits": (10, "logits"), "color": (10, "logits"), "two": (1, "one logit"), "many": (10, "independent")}
SETS = {"many": "digits"}


@cache
def weights(name: str) -> Weights:
    """PyTorch's arrangement: convolutions [out, in, height, width], dense layers [out, in], channels first."""
    path = WORK / "weights" / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **dict(zip(NAMES, _arranged(_trained(name)), strict=True)))
    with np.load(path) as stored:
        return {key: stored[key] for key in NAMES}


def _trained(name: str) -> Any:
    from benchmarks.third_party.training import PURPOSE, train
    from edgecnn.training.backend import keras

    k = keras(PURPOSE)
    k.utils.set_random_seed(0)
    outputs, scores = HEADS[name]
    shape = COLOR if name == "color" else DIGITS
    last = k.layers.Dense(outputs, activation="sigmoid" if scores == "independent" else None)
    model = stack(k, shape, *convolutions(k), last)
    train(k, model, Network(name, "", lambda _: model, data=SETS.get(name, name), scores=scores))
    return model


def _arranged(model: Any) -> list[NDArray[np.float32]]:
    conv1, bias1, conv2, bias2, fc1, bias3, fc2, bias4 = model.get_weights()
    side = int(np.sqrt(len(fc1) // conv2.shape[-1]))
    flat = fc1.reshape(side, side, conv2.shape[-1], -1).transpose(2, 0, 1, 3).reshape(len(fc1), -1)
    return [conv1.transpose(3, 2, 0, 1), bias1, conv2.transpose(3, 2, 0, 1), bias2, flat.T, bias3, fc2.T, bias4]


def for_pixels(trained: Weights, scale: float | list[float], offset: float | list[float], *, bgr: bool = False) -> Any:
    """The weights of the same network for an input of pixel × scale + offset, instead of pixel / 255."""
    kernel = trained["conv1.weight"][:, ::-1] if bgr else trained["conv1.weight"]
    scales, offsets = (np.resize(np.array(values), kernel.shape[1]).reshape(1, -1, 1, 1) for values in (scale, offset))
    changed = kernel / (255 * scales)
    bias = trained["conv1.bias"] - (changed * offsets).sum(axis=(1, 2, 3))
    return {**trained, "conv1.weight": changed.astype(np.float32), "conv1.bias": bias.astype(np.float32)}
