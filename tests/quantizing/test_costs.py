"""Costs of a graph's parts: whatever the times, every part has both, and what has no int8 form never gets one."""

from math import inf, isfinite
from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from onnx import helper

from edgecnn.graph.graph import Graph
from edgecnn.graph.layouts import REWRITINGS
from edgecnn.graph.units import renamed, units_of
from edgecnn.quantizing import costs
from edgecnn.quantizing.costs import UNIT, measure
from edgecnn.quantizing.float32_model import load_source
from edgecnn.quantizing.min_cut import NEVER, cheapest
from edgecnn.quantizing.quantizers import calibrate, quantizable, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8
from edgecnn.runtime.classifier import profile

STEM = nets.digits(height=16, width=16)
CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")
MOVES = ("ReorderInput", "ReorderOutput", "Transpose")  # which onnxruntime puts in: a layout is no part's own


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "PROFILED_RUNS", (3, 5))


def quantize(model: Any) -> Any:
    return quantize_static(model, calibrate(model, STEM.images(8), "minmax"), U8S8)


def units(model: Any) -> dict[str, str]:
    return units_of(Graph(model))


def test_an_activation_belongs_to_the_node_before_it() -> None:
    found = units(nets.two_convolutions(STEM, ["Relu"], ["Sigmoid", "Tanh"]))
    alone = ["cast1", "reshape1", "conv1", "pool1", "conv2", "flatten1", "gemm1", "softmax1"]
    joined = {"conv1_relu": "conv1", "conv2_sigmoid": "conv2", "conv2_sigmoid_tanh": "conv2"}
    assert found == {name: name for name in alone} | joined


def test_a_result_that_two_read_is_not_joined_with_either() -> None:
    found = units(nets.residual(STEM))
    assert found["relu1"] == "conv1"
    assert found["sigmoid1"] == "conv2"
    assert found["add1"] == "add1"
    assert found["relu2"] == "add1"
    branched = nets.build(nets.digits(branch=True, activation=""))
    branched.graph.node.insert(3, helper.make_node("Relu", ["conv1"], ["relu9"], "relu9"))
    assert units(branched)["relu9"] == "relu9"


def test_the_units_of_a_source_are_all_named(tmp_path: Path) -> None:
    source = nets.residual(STEM)
    for node in source.graph.node:
        node.name = ""
    loaded = load_source(odd.save(source, tmp_path / "model.onnx"))
    assert set(units(loaded)) == {node.name for node in loaded.graph.node}


@pytest.mark.parametrize("build", [nets.two_convolutions, nets.residual])
@pytest.mark.parametrize("rewriting", ["", *REWRITINGS])
def test_every_part_has_a_finite_cost_in_float32_and_in_int8_if_it_has_that(rewriting: str, build: Any) -> None:
    model = build(STEM)
    model = REWRITINGS[rewriting](model) if rewriting else model
    if model is None:
        return
    found = measure(model, quantize, STEM.images(1))
    assert set(found.units) == set(units(model).values())
    kinds = {node.name: node.op_type for node in model.graph.node}
    for name, (float32, int8) in found.units.items():
        assert isfinite(float32)
        assert float32 >= 0
        able = kinds[name] in quantizable() | {"Cast"}
        assert isfinite(int8) if able else int8 == NEVER == inf
    assert "softmax1" in found.units
    assert found.units["softmax1"][1] == NEVER
    assert sum(float32 for float32, _ in found.units.values()) > 0
    assert sum(int8 for _, int8 in found.units.values() if int8 != NEVER) > 0
    assert cheapest(found) <= set(found.units) - {"softmax1"}


@pytest.mark.parametrize("build", [nets.two_convolutions, nets.residual])
def test_there_is_a_border_between_every_two_neighbors(build: Any) -> None:
    model = build(STEM)
    graph = Graph(model)
    names = units(model)
    neighbors = {
        (names[maker.name], names[node.name])
        for node in graph.nodes
        for maker in map(graph.producer, node.input)
        if maker is not None and names[maker.name] != names[node.name]
    }
    borders = measure(model, quantize, STEM.images(1)).borders
    assert set(borders) == neighbors
    assert all(isfinite(cost) and cost >= 0 for cost in borders.values())


def test_a_border_costs_by_the_values_that_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_conversion", lambda: (2.0, 0.01))
    borders = measure(nets.residual(STEM), quantize, STEM.images(1)).borders
    feature = 2 + 0.01 * 16 * 16 * 16
    assert borders["conv1", "conv2"] == borders["conv1", "add1"] == borders["conv2", "add1"] == pytest.approx(feature)
    assert borders["cast1", "reshape1"] == pytest.approx(2 + 0.01 * 256)
    assert borders["gemm1", "softmax1"] == pytest.approx(2 + 0.01 * nets.CLASSES)


def test_a_conversion_costs_something() -> None:
    fixed, each = costs._conversion()
    assert min(fixed, each) >= 0
    assert 0 < fixed + each < inf


@pytest.mark.parametrize("form", [U8S8, S8S8])
@pytest.mark.parametrize("build", [nets.two_convolutions, nets.residual])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_every_node_that_computes_is_found_again_by_its_name(
    precision: str, build: Any, form: Any, tmp_path: Path
) -> None:
    model = build(STEM)
    names = list(dict.fromkeys(units(model).values()))
    numbered = renamed(model, units(model))
    onnx.checker.check_model(numbered, full_check=True)
    ran = (
        numbered
        if precision == "float32"
        else quantize_static(numbered, calibrate(numbered, STEM.images(8), "minmax"), form)
    )
    nodes = profile(odd.save(ran, tmp_path / "model.onnx"), STEM.images(1), 3)
    found: dict[str, set[str]] = {}
    for name, (operator, _) in nodes.items():
        unit = UNIT.search(name)
        assert unit is not None or operator in (*CONVERSIONS, *MOVES), (name, operator)
        if unit is not None and operator not in CONVERSIONS:
            found.setdefault(names[int(unit[1])], set()).add(operator)
    for unit_name in ("conv1", "conv2"):
        assert any("Conv" in operator for operator in found[unit_name])
        assert not any("Conv" in operator for other in found if "conv" not in other for operator in found[other])
    assert any("Gemm" in operator or "MatMul" in operator for operator in found["gemm1"])
    assert "Softmax" in found["softmax1"]


def test_renaming_changes_no_answer_and_not_the_model() -> None:
    model = nets.residual(STEM)
    before = model.SerializeToString(deterministic=True)
    numbered = renamed(model, units(model))
    assert model.SerializeToString(deterministic=True) == before
    assert np.array_equal(nets.run(numbered, STEM.images(3)), nets.run(model, STEM.images(3)))
    assert len({node.name for node in numbered.graph.node}) == len(model.graph.node)
    assert [value.name for value in numbered.graph.output] == ["probabilities"]


def test_optional_inputs_that_are_left_out_stay_so() -> None:
    model = nets.build(nets.digits(height=16, width=16, activation="Clip"))
    clip = next(node for node in model.graph.node if node.op_type == "Clip")
    clip.input[1] = ""
    pool = next(node for node in model.graph.node if node.op_type == "MaxPool")
    pool.output.append("")
    model.graph.initializer.remove(next(item for item in model.graph.initializer if item.name == "least"))
    numbered = renamed(model, units(model))
    assert np.array_equal(nets.run(numbered, STEM.images(2)), nets.run(model, STEM.images(2)))


def test_costs_of_a_model_of_a_fixed_batch() -> None:
    model = nets.two_convolutions(STEM)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    found = measure(model, quantize, STEM.images(4))
    assert all(isfinite(float32) for float32, _ in found.units.values())


def test_operators_without_an_int8_form_never_get_one() -> None:
    model = nets.two_convolutions(STEM, ["Sin"], ["Elu"])
    found = measure(model, quantize, STEM.images(1)).units
    assert {name for name, (_, int8) in found.items() if int8 == NEVER} == {"conv1_sin", "conv2_elu", "softmax1"}
