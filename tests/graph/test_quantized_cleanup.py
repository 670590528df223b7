"""What a quantized graph loses in cleaning is what was computed for nothing; its answers stay."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from onnx import helper

from edgecnn.graph import quantized_cleanup
from edgecnn.graph.graph import Graph
from edgecnn.graph.layouts import REWRITINGS
from edgecnn.graph.quantized_cleanup import (
    clean,
    float_result,
    image_straight_in,
    pixel_tensors,
    requantized,
    results_of_products,
)
from edgecnn.quantizing import quantizers
from edgecnn.quantizing.quantizers import calibrate, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8, U8S8_REDUCED, Int8

EXACT = (image_straight_in, requantized)
MOVED = ["Cast", "QuantizeLinear", "Transpose", "DequantizeLinear", "Flatten"]
STEM = nets.digits(height=16, width=16)


def model() -> Any:
    return nets.two_convolutions(STEM)


def quantized(source: Any, form: Int8 = U8S8, kept_float: Sequence[str] = ()) -> Any:
    return quantize_static(source, calibrate(source, STEM.images(32), "minmax"), form, kept_float)


def uncleaned(monkeypatch: pytest.MonkeyPatch, source: Any, form: Int8 = U8S8, kept_float: Sequence[str] = ()) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(quantizers, "clean", lambda *_: None)
        return quantized(source, form, kept_float)


def node(graph: Any, operator: str) -> Any:
    return next(item for item in graph.node if item.op_type == operator)


def before_first_convolution(graph: Any) -> list[str]:
    found = nets.operators(graph)
    return found[: min(found.index(name) for name in ("Conv", "QLinearConv") if name in found)]


@pytest.mark.parametrize("rewriting", ["", *REWRITINGS])
def test_a_uint8_image_goes_straight_into_the_first_convolution(rewriting: str, tmp_path: Path) -> None:
    source = REWRITINGS[rewriting](model()) if rewriting else model()
    int8 = quantized(source)
    assert "Cast" not in nets.operators(int8.graph)
    assert "QuantizeLinear" not in before_first_convolution(int8.graph)
    optimized = nets.optimized(int8, tmp_path)
    assert set(before_first_convolution(optimized)) <= {"Reshape", "Transpose"}
    assert not {"QuantizeLinear", "Cast"}.intersection(nets.operators(optimized))


def test_an_image_for_int8_activations_is_quantized() -> None:
    found = before_first_convolution(quantized(model(), S8S8).graph)
    assert found[:3] == ["Cast", "Reshape", "QuantizeLinear"]


def test_an_image_that_a_float_convolution_reads_is_cast() -> None:
    int8 = quantized(model(), kept_float=["cast1", "reshape1", "conv1", "conv1_relu"])
    assert before_first_convolution(int8.graph)[0] == "Cast"
    assert node(int8.graph, "Conv").input[0] == node(int8.graph, "Reshape").output[0]


def test_an_image_that_is_scaled_first_is_scaled_still() -> None:
    source = model()
    reshape = node(source.graph, "Reshape")
    source.graph.node.insert(1, helper.make_node("Mul", ["cast1", "scale"], ["scaled"], "mul1"))
    source.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0.5, np.float32), "scale"))
    reshape.input[0] = "scaled"
    int8 = quantized(source)
    assert nets.error(int8, source, STEM.images(20)) < 0.3


def test_an_image_that_something_else_reads_too_keeps_its_cast_for_it() -> None:
    source = model()
    source.graph.node.insert(1, helper.make_node("ReduceMean", ["cast1"], ["mean"], "mean1", axes=[1, 2], keepdims=0))
    source.graph.output.append(odd.value("mean", "float32", ["batch"]))
    int8 = quantized(source)
    images = STEM.images(20)
    assert nets.run_all(int8, images)[1] == pytest.approx(images.mean(axis=(1, 2)), abs=0.01)
    assert nets.error(int8, source, images) < 0.3


def test_a_uint8_image_that_is_a_result_as_well_keeps_its_type() -> None:
    source = model()
    source.graph.output.append(odd.value("reshape1", "float32", ["batch", 1, 16, 16]))
    int8 = quantized(source)
    onnx.checker.check_model(int8, full_check=True)
    images = STEM.images(20)
    assert np.array_equal(nets.run_all(int8, images)[1][:, 0], images.astype(np.float32))
    assert nets.error(int8, source, images) < 0.3


def test_the_tensors_that_hold_pixels_are_found() -> None:
    assert pixel_tensors(Graph(model())) == ["cast1", "reshape1"]
    assert pixel_tensors(Graph(REWRITINGS["channels-last"](model()))) == ["cast1", "reshape1", "transpose1"]
    scaled = model()
    node(scaled.graph, "Cast").op_type = "Identity"
    assert pixel_tensors(Graph(scaled)) == []


def test_an_uint8_weight_listed_as_an_input_is_no_image() -> None:
    source = model()
    source.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(16, np.uint8), "stored"))
    source.graph.input.append(odd.value("stored", "uint8", [16]))
    source.graph.node.insert(0, helper.make_node("Cast", ["stored"], ["bias"], "cast9", to=onnx.TensorProto.FLOAT))
    source.graph.initializer.remove(next(item for item in source.graph.initializer if item.name == "bias"))
    assert pixel_tensors(Graph(source)) == ["cast1", "reshape1"]


@pytest.mark.parametrize("form", [U8S8, U8S8_REDUCED, S8S8])
def test_softmax_reads_the_float_result_of_an_int8_product(form: Int8, tmp_path: Path) -> None:
    int8 = quantized(model(), form)
    softmax = node(int8.graph, "Softmax")
    assert node(int8.graph, "Gemm").output[0] == softmax.input[0]
    optimized = nets.optimized(int8, tmp_path)
    assert node(optimized, "QGemm").output[0] == node(optimized, "Softmax").input[0]
    assert not {"Gemm", "DequantizeLinear"}.intersection(nets.operators(optimized))


def test_logits_are_returned_without_being_quantized(tmp_path: Path) -> None:
    source = nets.build(STEM)
    int8 = quantized(source)
    assert int8.graph.output[0].name == "logits"
    assert node(int8.graph, "Gemm").output[0] == "logits"
    assert nets.operators(nets.optimized(int8, tmp_path))[-1] == "QGemm"


def test_a_product_between_int8_operators_stays_quantized(tmp_path: Path) -> None:
    int8 = quantized(two_products())
    optimized = nets.operators(nets.optimized(int8, tmp_path))
    assert [name for name in optimized if "Gemm" in name] == ["QGemm", "QGemm"]
    assert "DequantizeLinear" not in optimized


def two_products(activation: str = "Relu") -> Any:
    """Pixels, a product, an activation, a product."""
    rng = np.random.default_rng(0)
    bounds = ["least", "most"] if activation == "Clip" else []
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast1"], ["flatten1"], "flatten1"),
        helper.make_node("Gemm", ["flatten1", "weight1", "bias1"], ["gemm1"], "gemm1"),
        helper.make_node(activation, ["gemm1", *bounds], ["act1"], "act1"),
        helper.make_node("Gemm", ["act1", "weight2", "bias2"], ["gemm2"], "gemm2"),
        helper.make_node("Softmax", ["gemm2"], ["probabilities"], "softmax1", axis=-1),
    ]
    constants = {
        "weight1": rng.normal(0, 0.001, (256, 24)).astype(np.float32),
        "bias1": rng.normal(0, 1, 24).astype(np.float32),
        "weight2": rng.normal(0, 0.3, (24, 5)).astype(np.float32),
        "bias2": rng.normal(0, 1, 5).astype(np.float32),
    }
    if bounds:
        constants |= {"least": np.array(-1, np.float32), "most": np.array(1, np.float32)}
    image, probabilities = (
        odd.value("image", "uint8", ["batch", 16, 16]),
        odd.value("probabilities", "float32", ["batch", 5]),
    )
    return odd.model_of(nodes, [image], [probabilities], constants)


@pytest.mark.parametrize("form", [U8S8, S8S8])
@pytest.mark.parametrize("activation", ["Relu", "Clip", "Tanh", "Sigmoid", "Elu"])
def test_an_activation_between_products_is_still_computed(activation: str, form: Int8) -> None:
    source = two_products(activation)
    images = STEM.images(32)
    assert nets.error(quantized(source, form), source, images) < 0.3


@pytest.mark.parametrize("form", [U8S8, S8S8])
@pytest.mark.parametrize("activation", ["Relu", "Clip"])
def test_an_activation_between_a_product_and_a_float_operator_is_still_computed(activation: str, form: Int8) -> None:
    source = two_products(activation)
    images = STEM.images(32)
    int8 = quantized(source, form, kept_float=["gemm2"])
    assert nets.error(int8, source, images) < 0.3
    del source.graph.node[-2:]
    source.graph.output[0].CopyFrom(odd.value("act1", "float32", ["batch", 24]))
    assert nets.error(quantized(source, form), source, images) < 0.3


@pytest.mark.parametrize("form", [U8S8, U8S8_REDUCED, S8S8, Int8("uint8", per_channel=False)])
def test_biases_are_int32(form: Int8) -> None:
    graph = Graph(quantized(model(), form))
    for item in graph.nodes:
        if item.op_type in ("Conv", "Gemm"):
            maker = graph.producer(item.input[2])
            assert maker is not None
            assert maker.op_type == "DequantizeLinear"
            stored = graph.constant(maker.input[0])
            assert stored is not None
            assert stored.dtype == np.int32


@pytest.mark.parametrize("form", [U8S8, S8S8])
@pytest.mark.parametrize("kept", [(), ("conv2", "conv2_relu"), ("conv1", "conv1_relu"), ("gemm1",)])
def test_cleaning_changes_no_answer(form: Int8, kept: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """But that of float results, which is tested below: they are more exact."""
    before = uncleaned(monkeypatch, model(), form, kept)
    after = nets.copied(before)
    monkeypatch.setattr(quantized_cleanup, "CLEANINGS", EXACT)
    clean(after, model())
    assert len(after.graph.node) <= len(before.graph.node)
    images = STEM.images(64)
    assert np.abs(nets.run(after, images) - nets.run(before, images)).max() <= 1e-6


@pytest.mark.parametrize("form", [U8S8, S8S8])
def test_a_float_result_moves_logits_by_half_a_step_at_most(form: Int8, monkeypatch: pytest.MonkeyPatch) -> None:
    source = nets.build(STEM)
    before = uncleaned(monkeypatch, source, form)
    graph = Graph(before)
    last = graph.producer("logits")
    assert last is not None
    step = graph.scalar(last.input[1])
    assert step is not None
    images = STEM.images(32)  # those that ranges were made of, so that none is cut off
    moved = np.abs(nets.run(quantized(source, form), images) - nets.run(before, images)).max()
    assert 0 < moved <= step * 0.51


def test_cleaning_is_done_once_and_for_all() -> None:
    once = quantized(model())
    twice = nets.copied(once)
    clean(twice, model())
    assert twice == once


def test_what_is_dequantized_and_quantized_alike_is_left_as_it_was() -> None:
    source = requantizing("scale", "zero")
    before = nets.run(source, STEM.images(3))
    clean(source, source)
    assert nets.operators(source.graph) == MOVED
    assert np.array_equal(nets.run(source, STEM.images(3)), before)
    equal = requantizing("same_scale", "same_zero")
    clean(equal, equal)
    assert nets.operators(equal.graph) == MOVED


@pytest.mark.parametrize(("scale", "zero"), [("other_scale", "zero"), ("scale", "other_zero")])
def test_another_scale_or_zero_point_is_kept(scale: str, zero: str) -> None:
    source = requantizing(scale, zero)
    before = nets.run(source, STEM.images(3))
    clean(source, source)
    assert len(source.graph.node) == len(MOVED) + 2
    assert np.array_equal(nets.run(source, STEM.images(3)), before)


def requantizing(scale: str, zero: str) -> Any:
    """Quantized, dequantized, quantized by `scale` and `zero`, moved, dequantized."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], "cast", to=onnx.TensorProto.FLOAT),
        helper.make_node("QuantizeLinear", ["pixels", "scale", "zero"], ["q1"], "q1"),
        helper.make_node("DequantizeLinear", ["q1", "scale", "zero"], ["d1"], "d1"),
        helper.make_node("QuantizeLinear", ["d1", scale, zero], ["q2"], "q2"),
        helper.make_node("Transpose", ["q2"], ["t"], "t", perm=[0, 2, 1]),
        helper.make_node("DequantizeLinear", ["t", scale, zero], ["d2"], "d2"),
        helper.make_node("Flatten", ["d2"], ["flat"], "flat"),
    ]
    constants: nets.Constants = {
        "scale": np.array(0.5, np.float32),
        "same_scale": np.array(0.5, np.float32),
        "other_scale": np.array(0.7, np.float32),
        "zero": np.array(7, np.uint8),
        "same_zero": np.array(7, np.uint8),
        "other_zero": np.array(3, np.int8),
    }
    image, flat = odd.value("image", "uint8", ["batch", 16, 16]), odd.value("flat", "float32", ["batch", 256])
    used = {"scale", "zero", scale, zero}
    return odd.model_of(nodes, [image], [flat], {name: constants[name] for name in used})


def test_a_convolution_before_a_float_operator_stays_int8(tmp_path: Path) -> None:
    int8 = quantized(nets.two_convolutions(STEM, between=["Sin"], last=["Elu"]))
    for item in int8.graph.node:
        if item.op_type == "Conv":
            assert [user.op_type for user in int8.graph.node if item.output[0] in user.input] == ["QuantizeLinear"]
    found = nets.operators(nets.optimized(int8, tmp_path))
    assert found.count("QLinearConv") == 2
    assert not {"Conv", "FusedConv", "NhwcFusedConv"}.intersection(found)


def test_a_product_that_int8_and_float_operators_read_stays_quantized(tmp_path: Path) -> None:
    source = two_products("Relu")
    source.graph.node.insert(3, helper.make_node("Sin", ["gemm1"], ["sin1"], "sin1"))
    source.graph.output.append(odd.value("sin1", "float32", ["batch", 24]))
    int8 = quantized(source)
    gemm = node(int8.graph, "Gemm")
    assert [user.op_type for user in int8.graph.node if gemm.output[0] in user.input] == ["QuantizeLinear"]
    assert nets.operators(nets.optimized(int8, tmp_path)).count("QGemm") == 2


def test_a_product_that_is_a_result_itself_stays_quantized() -> None:
    source = two_products("Relu")
    source.graph.output.append(odd.value("gemm2", "float32", ["batch", 5]))
    images = STEM.images(32)
    for found, expected in zip(nets.run_all(quantized(source), images), nets.run_all(source, images), strict=True):
        assert np.abs(found - expected).max() < 0.1


def test_every_cleaning_says_whether_it_did_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, products = uncleaned(monkeypatch, model()), results_of_products(Graph(model()))
    for each in (image_straight_in, float_result):
        assert each(Graph(raw), products)
        assert not each(Graph(raw), products)
    plain = model()
    assert not any(each(Graph(plain), products) for each in quantized_cleanup.CLEANINGS)
    assert plain == model()
