"""What is told of a recipe's convolutions before it is trained, against its layers and what export makes of them."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from edgecnn.exporting.lint import convolutions, lint
from edgecnn.graph.fast_paths import Convolution
from edgecnn.recipes import RECIPES, Conv, Dropout, Output, Pool, Recipe


def recipe_of(*layers: Conv | Pool | Dropout | Output) -> Recipe:
    return Recipe("mine", "", "", layers, learning_rate=1e-3, batch_size=1, epochs=1)


def test_channels_follow_the_layers_and_start_with_one() -> None:
    found = tuple(convolutions(recipe_of(Conv(16, 5), Pool(), Dropout(0.5), Conv(32, 3), Output())))
    assert found == (Convolution("conv1", 1, 16, (5, 5)), Convolution("conv2", 16, 32, (3, 3)))


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (Conv(8, 3), False),
        (Conv(8, 3, padding="valid"), True),
        (Conv(8, 3, stride=2, padding="valid"), False),
        (Conv(8, 1), True),
        (Conv(8, 1, stride=2), False),
    ],
)
def test_a_plain_convolution_has_neither_stride_nor_padding(layer: Conv, plain: bool) -> None:
    assert [item.plain for item in convolutions(recipe_of(layer, Output()))] == [plain]


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_is_judged_convolution_by_convolution(name: str) -> None:
    linted = lint(RECIPES[name])
    assert linted.recipe == name
    assert len(linted.convolutions) == sum(isinstance(layer, Conv) for layer in RECIPES[name].layers)
    first = linted.convolutions[0]
    assert [verdict.fast for verdict in first.verdicts] == [False, False]
    assert [verdict.inputs for verdict in first.verdicts] == [4, 64]
    json.dumps(asdict(linted))


def test_the_published_recipes_that_reach_the_fast_path_are_known() -> None:
    fast = {
        (name, judged.convolution.name, verdict.architecture)
        for name, recipe in RECIPES.items()
        for judged in lint(recipe).convolutions
        for verdict in judged.verdicts
        if verdict.fast and name in ("adventures", "notebook-3x3", "three-conv")
    }
    assert fast == {
        ("adventures", "conv2", "x86-64"),
        ("notebook-3x3", "conv2", "x86-64"),
        ("three-conv", "conv2", "x86-64"),
        ("three-conv", "conv3", "x86-64"),
        ("three-conv", "conv3", "arm64"),
    }


def test_a_network_without_convolutions_has_nothing_to_judge() -> None:
    assert lint(recipe_of(Output())).convolutions == ()


def test_linting_needs_no_heavy_package() -> None:
    code = (
        "import sys; from edgecnn.exporting.lint import lint; from edgecnn.recipes import RECIPES; "
        "[lint(recipe) for recipe in RECIPES.values()]; "
        "assert not {'onnx', 'onnxruntime', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
