"""The recipes, against the figures their sources state."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

from edgecnn.errors import RecipeError
from edgecnn.layers import Conv, Dense, Dropout, Normal, Output, Pool
from edgecnn.recipes import RECIPES, Recipe, find_recipe, reproduced

OWN = ["edge", "nano", "accurate", "pico"]
NAMES = [*OWN, "adventures", "opengenus", "notebook-3x3", "notebook-5x5", "three-conv"]
PUBLISHED = NAMES[len(OWN) :]

every_recipe = pytest.mark.parametrize("name", NAMES)


def in_words(recipe: Recipe) -> str:
    """The network in the words of the table of sources."""
    words: dict[type, Callable[[Any], str]] = {
        Conv: lambda layer: f"conv{layer.kernel}×{layer.kernel}-{layer.filters} {layer.padding}",
        Pool: lambda layer: f"pool {layer.padding}",
        Dropout: lambda layer: f"dropout {layer.rate}",
        Dense: lambda layer: f"dense {layer.units} {layer.activation}",
        Output: lambda _: "output",
    }
    return ", ".join(words[type(layer)](layer) for layer in recipe.layers)


def test_there_are_our_four_recipes_and_five_published() -> None:
    assert list(RECIPES) == NAMES
    assert [recipe.name for recipe in RECIPES.values() if recipe.ours] == OWN


@pytest.mark.parametrize(
    ("name", "network", "learning_rate", "batch_size", "epochs", "accuracies"),
    [
        (
            "adventures",
            "conv5×5-32 same, pool valid, conv5×5-64 same, pool valid, dense 1000 relu, output",
            1e-4,
            50,
            10,
            [0.9897, 0.9885],
        ),
        (
            "opengenus",
            "conv5×5-32 same, pool valid, conv5×5-64 same, pool valid, dense 1024 relu, dropout 0.2, output",
            1e-3,
            128,
            10,
            [],
        ),
        (
            "notebook-3x3",
            "conv3×3-32 valid, conv3×3-64 valid, pool valid, dropout 0.25, dense 128 relu, dropout 0.5, output",
            1e-3,
            500,
            20,
            [0.9926],
        ),
        ("notebook-5x5", "conv5×5-32 valid, pool valid, dense 128 relu, output", 1e-3, 500, 20, [0.9913]),
        (
            "three-conv",
            "conv5×5-32 same, pool same, conv5×5-64 same, pool same, conv5×5-128 same, pool same, "
            "dense 1024 linear, dense 2048 linear, output",
            1e-4,
            50,
            10,
            [0.97],
        ),
    ],
)
def test_a_published_recipe_is_what_its_source_states(
    name: str, network: str, learning_rate: float, batch_size: int, epochs: int, accuracies: list[float]
) -> None:
    recipe = RECIPES[name]
    assert in_words(recipe) == network
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (learning_rate, batch_size, epochs)
    assert [published.accuracy for published in recipe.published] == accuracies
    assert all(published.citation for published in recipe.published)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_names_its_source_and_adds_no_training_trick(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.citation not in ("", "edgecnn")
    assert (recipe.schedule, recipe.weight_decay, recipe.augmentation) == ("constant", 0.0, None)
    assert all(layer.stride == 1 and not layer.batch_norm for layer in recipe.layers if isinstance(layer, Conv))


SMALL, ONE, TINY, WIDE = Normal(0.03, True), Normal(1.0, True), Normal(0.01, True), Normal(1.0)


@pytest.mark.parametrize(
    ("name", "conv", "dense"),
    [
        ("adventures", (SMALL, ONE), (SMALL, TINY)),
        ("opengenus", (WIDE, WIDE), (WIDE, WIDE)),
        ("notebook-3x3", (None, None), (None, None)),
        ("notebook-5x5", (None, None), (None, None)),
        ("three-conv", (None, None), (None, None)),
    ],
)
def test_initial_weights_and_biases_are_the_sources(name: str, conv: tuple[Any, Any], dense: tuple[Any, Any]) -> None:
    layers = RECIPES[name].layers
    assert {(layer.weights, layer.biases) for layer in layers if isinstance(layer, Conv)} == {conv}
    assert {(layer.weights, layer.biases) for layer in layers if isinstance(layer, Dense | Output)} == {dense}


@every_recipe
def test_the_last_layer_and_no_other_is_the_output(name: str) -> None:
    assert [isinstance(layer, Output) for layer in reversed(RECIPES[name].layers)].index(True) == 0
    assert sum(isinstance(layer, Output) for layer in RECIPES[name].layers) == 1


def parts(value: object) -> list[Any]:
    """A record and every record inside it."""
    if isinstance(value, tuple):
        return [part for item in value for part in parts(item)]
    if not is_dataclass(value):
        assert value is None or isinstance(value, str | int | float), f"{value!r} can be changed"
        return []
    return [value, *(part for field in fields(value) for part in parts(getattr(value, field.name)))]


@every_recipe
def test_no_part_of_a_recipe_can_be_changed(name: str) -> None:
    for part in parts(RECIPES[name]):
        with pytest.raises(FrozenInstanceError):
            part.name = None


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        RECIPES["edge"] = RECIPES["adventures"]  # type: ignore[index]


@every_recipe
def test_a_recipe_is_found_by_its_name(name: str) -> None:
    assert find_recipe(name) is RECIPES[name]
    assert find_recipe(name).name == name
    assert find_recipe(name).summary


@pytest.mark.parametrize(
    ("typed", "meant"), [("edgy", "edge"), ("notebook3x3", "notebook-3x3"), ("three_conv", "three-conv")]
)
def test_a_misspelt_name_gets_the_nearest_one_suggested(typed: str, meant: str) -> None:
    with pytest.raises(RecipeError, match=f"no recipe '{typed}': did you mean '{meant}'"):
        find_recipe(typed)


@pytest.mark.parametrize("typed", ["", "qqqq", "123"])
def test_a_name_like_no_other_gets_all_of_them_listed(typed: str) -> None:
    with pytest.raises(RecipeError, match=f"no recipe '{typed}': choose one of {', '.join(NAMES)}"):
        find_recipe(typed)


def test_reproduced_results_are_of_known_recipes_at_their_own_number_of_epochs() -> None:
    results = reproduced()
    assert set(PUBLISHED) <= set(results) <= set(NAMES)
    for name, row in results.items():
        long = RECIPES[name].long
        assert row["epochs"] == (long.epochs if long else RECIPES[name].epochs)
        assert row["test"]["images"] == 10_000
        assert ("seeds" in row) == RECIPES[name].ours
