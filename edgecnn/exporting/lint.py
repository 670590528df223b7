"""What a recipe's convolutions will meet in int8, before it is trained: no TensorFlow, no onnx."""

from collections.abc import Iterator
from dataclasses import dataclass

from edgecnn.graph.fast_paths import Convolution, Judged, judge
from edgecnn.recipes import Conv, Recipe

CHANNELS = 1  # of a digit's image


@dataclass(frozen=True)
class Lint:
    """A recipe's convolutions in their order, each with its verdicts."""

    recipe: str
    convolutions: tuple[Judged, ...]


def lint(recipe: Recipe) -> Lint:
    """Judge each convolution of `recipe` as static int8 with symmetric weights, which is how edgecnn quantizes."""
    return Lint(recipe.name, tuple(judge(convolution) for convolution in convolutions(recipe)))


def convolutions(recipe: Recipe) -> Iterator[Convolution]:
    """The convolutions that export makes of a recipe's layers, named as it names them: conv1, conv2, …"""
    channels = CHANNELS
    layers = [layer for layer in recipe.layers if isinstance(layer, Conv)]
    for number, layer in enumerate(layers, 1):
        unpadded = layer.padding == "valid" or layer.kernel == 1
        kernel = (layer.kernel, layer.kernel)
        yield Convolution(f"conv{number}", channels, layer.filters, kernel, plain=layer.stride == 1 and unpadded)
        channels = layer.filters
