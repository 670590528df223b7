"""What int8 would make of a float32 file's convolutions, against what the recipes are made of."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import odd_models as odd
import pytest
from onnx import helper

from edgecnn.errors import MissingDependencyError
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.graph.convolutions import is_plain, judged_convolutions
from edgecnn.graph.fast_paths import Convolution
from edgecnn.layers import Conv
from edgecnn.recipes import RECIPES


def with_convolutions(path: Path, *layers: tuple[tuple[int, ...], dict[str, object]]) -> Path:
    """A file whose Convs have these weights and attributes, one behind the other."""
    weights = {f"w{at}": np.zeros(shape, np.float32) for at, (shape, _) in enumerate(layers)}
    nodes = [
        helper.make_node("Conv", [f"x{at}", f"w{at}"], [f"x{at + 1}"], name=f"conv{at + 1}", **values)
        for at, (_, values) in enumerate(layers)
    ]
    ends = (odd.value(f"x{at}", "float32", ["n", "c", "h", "w"]) for at in (0, len(layers)))
    return odd.save(odd.model_of(nodes, [next(ends)], [next(ends)], weights), path)


def test_channels_kernel_and_groups_are_those_of_the_weights(tmp_path: Path) -> None:
    path = with_convolutions(
        tmp_path / "net.onnx",
        ((16, 1, 5, 5), {"pads": [2, 2, 2, 2]}),
        ((16, 1, 3, 3), {"group": 16}),
        ((32, 16, 1, 1), {}),
    )
    assert [judged.convolution for judged in judged_convolutions(path)] == [
        Convolution("conv1", 1, 16, (5, 5)),
        Convolution("conv2", 16, 16, (3, 3), group=16, plain=True),
        Convolution("conv3", 16, 32, (1, 1), plain=True),
    ]


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ({}, True),
        ({"pads": [0, 0, 0, 0], "strides": [1, 1]}, True),
        ({"auto_pad": b"VALID"}, True),
        ({"pads": [1, 1, 1, 1]}, False),
        ({"auto_pad": b"SAME_UPPER"}, False),
        ({"strides": [2, 2]}, False),
    ],
)
def test_a_plain_convolution_has_neither_stride_nor_padding(values: dict[str, object], plain: bool) -> None:
    assert is_plain(values) == plain


@pytest.mark.parametrize("name", ["edge", "nano", "accurate"])
def test_every_convolution_of_a_shipped_model_is_judged_on_both_processors(name: str) -> None:
    found = judged_convolutions(ModelFolder(SHIPPED_MODELS / name).onnx("float32"))
    layers = [layer for layer in RECIPES[name].layers if isinstance(layer, Conv)]
    assert [judged.convolution.outputs for judged in found] == [layer.filters for layer in layers]
    assert {tuple(verdict.architecture for verdict in judged.verdicts) for judged in found} == {("x86-64", "arm64")}
    assert [verdict.fast for verdict in found[0].verdicts] == [False, False]  # it has one input channel
    json.dumps([asdict(judged) for judged in found])


def test_a_network_without_convolutions_has_nothing_to_judge(tmp_path: Path) -> None:
    assert judged_convolutions(odd.save(odd.linear(), tmp_path / "linear.onnx")) == ()


def test_without_onnx_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match="needs onnx"):
        judged_convolutions(tiny)
