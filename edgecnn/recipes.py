"""What can be trained: networks and their training as plain data. Every number that training uses is here."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from types import MappingProxyType
from typing import Any, Literal

from edgecnn.errors import RecipeError
from edgecnn.folder import REFERENCE_RESULTS, SEEDS_RESULTS

OWN = "edgecnn"
Padding = Literal["same", "valid"]
Activation = Literal["relu", "linear"]


@dataclass(frozen=True)
class Normal:
    """An initializer: normal with mean 0; `truncated` draws again beyond two standard deviations."""

    stddev: float
    truncated: bool = False


# Where an initializer is None, Keras's own holds: Glorot uniform weights, zero biases.


@dataclass(frozen=True)
class Conv:
    """A square convolution. `batch_norm` normalizes before the activation and takes the bias's place."""

    filters: int
    kernel: int
    stride: int = 1
    padding: Padding = "same"
    batch_norm: bool = False
    weights: Normal | None = None
    biases: Normal | None = None


@dataclass(frozen=True)
class Pool:
    """A 2×2 max pool with a stride of 2."""

    padding: Padding = "valid"


@dataclass(frozen=True)
class Dropout:
    """`rate` is the share of values dropped."""

    rate: float


@dataclass(frozen=True)
class Dense:
    units: int
    activation: Activation = "relu"
    weights: Normal | None = None
    biases: Normal | None = None


@dataclass(frozen=True)
class Output:
    """The last dense layer, one unit a class, and its softmax."""

    weights: Normal | None = None
    biases: Normal | None = None


Layer = Conv | Pool | Dropout | Dense | Output


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images; nothing is mirrored.

    The first four are uniform within ± their bound; `blur`, `light` and `noise` are the share of the images that are
    changed so, each by an amount of its own.
    """

    rotation: float = 0.0  # radians
    scale: float = 0.0  # share of the size
    shift: float = 0.0  # share of the size, along each axis
    shear: float = 0.0  # columns that a row moves for each row above or below the middle
    elastic: float = 0.0  # standard deviation of the shifts that bend it, as a share of the size
    blur: float = 0.0
    light: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class Published:
    """An accuracy on MNIST's test images as a source states it, and which."""

    accuracy: float
    citation: str


@dataclass(frozen=True)
class Recipe:
    """A network and how to train it.

    `learning_rate` is the constant rate, or the peak of the "one-cycle" schedule. `weight_decay` above 0 makes Adam
    AdamW. With `recalibrate_batch_norm` training ends by taking batch norm's means and variances anew, from the
    training images without augmentation: what is to be classified is not distorted either. `image_size` is the height
    or width, whichever is less, that the layers are drawn for: other images get another stem (see `layers_for`);
    without it the layers are what they are. `temperature_scaling` divides the logits by the temperature that suits the
    validation images best.
    `published` is empty where no source states an accuracy.

    Source of `recalibrate_batch_norm`: Y. Wu and J. Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
    """

    name: str
    summary: str
    citation: str
    layers: tuple[Layer, ...]
    learning_rate: float
    batch_size: int
    epochs: int
    schedule: Literal["constant", "one-cycle"] = "constant"
    weight_decay: float = 0.0
    augmentation: Augmentation | None = None
    recalibrate_batch_norm: bool = False
    image_size: int | None = None
    temperature_scaling: bool = False
    published: tuple[Published, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether it was drawn for this project; the others are as their sources published them."""
        return self.citation == OWN

    def layers_for(self, image_shape: tuple[int, ...]) -> tuple[Layer, ...]:
        """The layers for images [height, width] or [height, width, 3].

        The first convolution's stride follows the size of the images, and its kernel the stride, so that the layers
        behind it see maps of about the size they were drawn for: no slower, and with as many weights in the head.
        """
        stem = self.layers[0]
        if self.image_size is None or not isinstance(stem, Conv):
            return self.layers
        stride = max(1, round(stem.stride * min(image_shape[:2]) / self.image_size))
        kernel = stem.kernel + 2 * max(0, stride - stem.stride)
        return replace(stem, stride=stride, kernel=kernel), *self.layers[1:]


_SMALL, _ONE, _TINY = Normal(0.03, truncated=True), Normal(1.0, truncated=True), Normal(0.01, truncated=True)
_WIDE = Normal(1.0)

# Our own. A stem that leaves a quarter of the pixels, so that the rest costs a quarter of the time: strided or, where
# time matters less, pooled; 3×3 convolutions in eights of channels (int8 kernels want no less than fours); and two
# pools down to a map of 3×3 or 4×4 for one dense layer.

_EDGE = Recipe(
    name="edge",
    summary="small and accurate: strided 5×5, three 3×3, batch norm, distorted images, one-cycle AdamW",
    citation=OWN,
    layers=(
        Conv(16, 5, stride=2, batch_norm=True),
        Conv(24, 3, batch_norm=True),
        Pool(),
        Conv(32, 3, batch_norm=True),
        Conv(48, 3, batch_norm=True),
        Pool(),
        Output(),
    ),
    learning_rate=1e-2,
    batch_size=128,
    epochs=20,
    schedule="one-cycle",
    weight_decay=0.05,
    augmentation=Augmentation(rotation=0.2, scale=0.12, shift=0.07, blur=0.1, light=0.15, noise=0.1),
    image_size=28,
    temperature_scaling=True,
)
_NANO = replace(
    _EDGE,
    name="nano",
    summary="below 8,000 parameters: the same with 8 to 16 channels, trained longer",
    layers=(
        Conv(8, 5, stride=2, batch_norm=True),
        Conv(16, 3, batch_norm=True),
        Pool(),
        Conv(16, 3, batch_norm=True),
        Conv(16, 3, batch_norm=True),
        Pool(),
        Output(),
    ),
    epochs=40,
    augmentation=Augmentation(rotation=0.2, scale=0.12, shift=0.07),  # too small to learn other light besides
)
_ACCURATE = replace(
    _EDGE,
    name="accurate",
    summary="as right as it gets: a pooled 3×3 stem, 64 to 128 channels, dropout, bent images besides",
    layers=(
        Conv(32, 3, batch_norm=True),
        Pool(),
        Conv(64, 3, batch_norm=True),
        Conv(64, 3, batch_norm=True),
        Pool(),
        Conv(128, 3, batch_norm=True),
        Conv(128, 3, batch_norm=True),
        Pool("same"),
        Dropout(0.3),
        Output(),
    ),
    learning_rate=8e-3,
    epochs=26,
    recalibrate_batch_norm=True,
    augmentation=Augmentation(
        rotation=0.2, scale=0.12, shift=0.07, shear=0.15, elastic=0.02, blur=0.03, light=0.05, noise=0.03
    ),
)

_TABLE = (
    _EDGE,
    _NANO,
    _ACCURATE,
    Recipe(
        name="adventures",
        summary="two 5×5 convolutions, dense 1000, small truncated normal weights",
        citation="adventuresinmachinelearning.com, convolutional neural networks tutorial in TensorFlow",
        layers=(
            Conv(32, 5, weights=_SMALL, biases=_ONE),
            Pool(),
            Conv(64, 5, weights=_SMALL, biases=_ONE),
            Pool(),
            Dense(1000, weights=_SMALL, biases=_TINY),
            Output(weights=_SMALL, biases=_TINY),
        ),
        learning_rate=1e-4,
        batch_size=50,
        epochs=10,
        published=(Published(0.9897, "the tutorial"), Published(0.9885, "a notebook of it")),
    ),
    Recipe(
        name="opengenus",
        summary="two 5×5 convolutions, dense 1024, dropout, all weights normal with σ 1",
        citation="OpenGenus, MNIST CNN article",
        layers=(
            Conv(32, 5, weights=_WIDE, biases=_WIDE),
            Pool(),
            Conv(64, 5, weights=_WIDE, biases=_WIDE),
            Pool(),
            Dense(1024, weights=_WIDE, biases=_WIDE),
            Dropout(0.2),
            Output(weights=_WIDE, biases=_WIDE),
        ),
        learning_rate=1e-3,
        batch_size=128,
        epochs=10,
    ),
    Recipe(
        name="notebook-3x3",
        summary="two 3×3 convolutions, one pool, dropout, dense 128",
        citation="Keras MNIST CNN notebook, first run",
        layers=(
            Conv(32, 3, padding="valid"),
            Conv(64, 3, padding="valid"),
            Pool(),
            Dropout(0.25),
            Dense(128),
            Dropout(0.5),
            Output(),
        ),
        learning_rate=1e-3,
        batch_size=500,
        epochs=20,
        published=(Published(0.9926, "the notebook"),),
    ),
    Recipe(
        name="notebook-5x5",
        summary="one 5×5 convolution, one pool, dense 128, without the notebook's optional dropout",
        citation="Keras MNIST CNN notebook, second run and its model summary",
        layers=(Conv(32, 5, padding="valid"), Pool(), Dense(128), Output()),
        learning_rate=1e-3,
        batch_size=500,
        epochs=20,
        published=(Published(0.9913, "the notebook"),),
    ),
    Recipe(
        name="three-conv",
        summary="three 5×5 convolutions, each pooled, two wide linear dense layers",
        citation='"Exploring a convoluted neural network" notebook',
        layers=(
            Conv(32, 5),
            Pool("same"),
            Conv(64, 5),
            Pool("same"),
            Conv(128, 5),
            Pool("same"),
            Dense(1024, "linear"),
            Dense(2048, "linear"),
            Output(),
        ),
        learning_rate=1e-4,
        batch_size=50,
        epochs=10,
        published=(Published(0.97, "the notebook, about"),),
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _TABLE})


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises RecipeError that suggests the nearest one."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(RECIPES)}"
    raise RecipeError(f"there is no recipe {name!r}: {hint}")


def reproduced() -> dict[str, dict[str, Any]]:
    """What was measured, by recipe name: of the reference recipes one training, of ours the mean accuracy and median
    seconds of several seeds (benchmarks/models/reference_recipes.py and seeds.py). Without the ones not measured yet.
    """
    reference = {row["recipe"]: row for row in _rows(REFERENCE_RESULTS, "recipes")}
    trainings = _rows(SEEDS_RESULTS, "trainings")
    names = dict.fromkeys(row["recipe"] for row in trainings)
    return reference | {name: _over_seeds([row for row in trainings if row["recipe"] == name]) for name in names}


def _rows(path: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))[name] if path.exists() else []
    return found


def _over_seeds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = {key: rows[0][key] for key in ("recipe", "parameters", "epochs")}
    test = {"split": "test", "images": rows[0]["test"]["images"], "value": mean(row["test"]["value"] for row in rows)}
    return {**first, "seeds": len(rows), "seconds": median(row["seconds"] for row in rows), "test": test}
