"""Lists what can be trained: the recipes, and the results that were measured of them."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean
from types import MappingProxyType
from typing import Any

from edgecnn.errors import RecipeError
from edgecnn.folder import REFERENCE_RESULTS, SEEDS_RESULTS
from edgecnn.layers import Augmentation, Conv, Dense, Dropout, GlobalPool, Normal, Output, Pool, Separable
from edgecnn.recipe import OWN, Published, Recipe

__all__ = ["OWN", "RECIPES", "Published", "Recipe", "find_recipe", "reproduced"]

_SMALL, _ONE, _TINY = Normal(0.03, truncated=True), Normal(1.0, truncated=True), Normal(0.01, truncated=True)
_WIDE = Normal(1.0)

# Our own recipes, with the training of the shipped models. The table has a shorter one for each.
# The stem keeps a quarter of the pixels, so the rest takes a quarter of the time; it is strided or, where time matters
# less, pooled. 3×3 convolutions follow, with multiples of 8 channels (int8 kernels need multiples of 4). Two pools
# reduce the map to 3×3 or 4×4 for one dense layer.

_EDGE = Recipe(
    name="edge",
    summary="small and accurate: one strided 5×5 and three 3×3 convolutions, augmentation, one-cycle AdamW",
    citation=OWN,
    layers=(
        Conv(16, 5, stride=2, batch_norm=True),
        Conv(32, 3, batch_norm=True),
        Pool(),
        Conv(32, 3, batch_norm=True),
        Conv(32, 3, batch_norm=True),
        Pool(),
        Output(),
    ),
    learning_rate=1e-2,
    batch_size=128,
    epochs=40,
    schedule="one-cycle",
    weight_decay=0.05,
    augmentation=Augmentation(
        rotation=0.2,
        scale=0.12,
        shift=0.07,
        filter=0.15,
        blur=0.1,
        light=0.15,
        noise=0.1,
        habits=0.2,
        stretch=0.3,
        pen=0.3,
    ),
    recalibrate_batch_norm=True,
    image_size=28,
    temperature_scaling=True,
    teacher="accurate",
)
_NANO = replace(
    _EDGE,
    name="nano",
    summary="the smallest: the layers of edge with 8 to 16 channels, below 8,000 parameters, trained longer",
    layers=(
        Conv(8, 5, stride=2, batch_norm=True),
        Conv(16, 3, batch_norm=True),
        Pool(),
        Conv(16, 3, batch_norm=True),
        Conv(16, 3, batch_norm=True),
        Pool(),
        Output(),
    ),
    epochs=60,
    # too small to learn changes of light as well
    augmentation=Augmentation(rotation=0.2, scale=0.12, shift=0.07, habits=0.15, stretch=0.2, pen=0.2),
)
_ACCURATE = replace(
    _EDGE,
    name="accurate",
    summary="the most accurate: five 3×3 convolutions with 32 to 128 channels, dropout, elastic distortion",
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
    epochs=36,
    teacher=None,
    augmentation=Augmentation(
        rotation=0.2,
        scale=0.12,
        shift=0.07,
        shear=0.15,
        elastic=0.02,
        filter=0.1,
        blur=0.05,
        light=0.05,
        noise=0.05,
        habits=0.15,
        stretch=0.25,
        pen=0.25,
    ),
)
# It is too small to learn distortions, or to spend parameters on batch norm.
_PICO = replace(
    _NANO,
    name="pico",
    summary="the fewest parameters: below 700, one strided and three depthwise separable convolutions, a global pool",
    layers=(
        Conv(5, 4, stride=2, batch_norm=True),
        Separable(9, 3, batch_norm=True),
        Separable(10, 3, batch_norm=True),
        Pool(),
        Separable(11, 3, batch_norm=True),
        GlobalPool(),
        Output(),
    ),
    learning_rate=2e-2,
    batch_size=256,
    epochs=80,
    weight_decay=0.0,
    augmentation=None,
    fold_batch_norm=True,
    teacher=None,
)
# Few epochs learn less of what distorts images, and larger batches take less time an image.
_LIGHT = Augmentation(rotation=0.2, scale=0.12, shift=0.07, habits=0.1, stretch=0.15, pen=0.15)

_TABLE = (
    _EDGE.shorter(epochs=9, batch_size=256, learning_rate=0.015, augmentation=_LIGHT),
    _NANO.shorter(epochs=12),
    _ACCURATE.shorter(epochs=10),
    _PICO.shorter(epochs=20),
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
        published=(Published(0.9897, "the tutorial"), Published(0.9885, "a notebook of the tutorial")),
    ),
    Recipe(
        name="opengenus",
        summary="two 5×5 convolutions, dense 1024, dropout, all weights normal with standard deviation 1",
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
        published=(Published(0.97, "the notebook, approximately"),),
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _TABLE})


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises RecipeError, which suggests the most similar name."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(RECIPES)}"
    raise RecipeError(f"there is no recipe {name!r}: {hint}")


def reproduced() -> dict[str, dict[str, Any]]:
    """The measured results of each recipe, by its name; recipes that were not measured are left out.

    A reference recipe has the results of one training (benchmarks/models/reference_recipes.py). Our recipes have the
    mean accuracy of several long trainings (benchmarks/models/seeds.py) and the least seconds, because what else ran on
    the machine only adds.
    """
    reference = {row["recipe"]: row for row in _rows(REFERENCE_RESULTS, "recipes")}
    trainings = [row for row in _rows(SEEDS_RESULTS, "trainings") if row["long"]]
    names = dict.fromkeys(row["recipe"] for row in trainings)
    return reference | {name: _over_seeds([row for row in trainings if row["recipe"] == name]) for name in names}


def _rows(path: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))[name] if path.exists() else []
    return found


def _over_seeds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = {key: rows[0][key] for key in ("recipe", "parameters", "epochs")}
    test = {"split": "test", "images": rows[0]["test"]["images"], "value": mean(row["test"]["value"] for row in rows)}
    return {**first, "seeds": len(rows), "seconds": min(row["seconds"] for row in rows), "test": test}
