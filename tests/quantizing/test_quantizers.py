"""Static int8: types and ranges are those asked for, what has no int8 form stays float, and nobody is talked to."""

import logging
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgecnn.data import Dataset
from edgecnn.errors import ExportError
from edgecnn.graph.graph import Graph
from edgecnn.graph.layouts import REWRITINGS
from edgecnn.quantizing import quantizers
from edgecnn.quantizing.quantizers import calibrate, quantizable, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8, U8S8_REDUCED, Int8, Method

STEM = nets.digits(height=16, width=16)
PER_TENSOR = replace(U8S8, per_channel=False)
FORMS = [U8S8, U8S8_REDUCED, S8S8, PER_TENSOR, replace(S8S8, reduce_range=True)]
METHODS: list[Method] = ["minmax", "percentile", "entropy"]


def model() -> Any:
    return nets.two_convolutions(STEM)


def quantized(source: Any, form: Int8 = U8S8, kept_float: tuple[str, ...] = (), method: Method = "minmax") -> Any:
    return quantize_static(source, ranges(source.SerializeToString(deterministic=True), method), form, kept_float)


@cache  # the forms of a model share them; on an emulated processor a calibration takes seconds
def ranges(source: bytes, method: Method) -> Any:
    return calibrate(onnx.load_from_string(source), STEM.images(32), method)


def weights(graph: Graph) -> dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Stored weights and their scales of the int8 convolutions and products, by the node's name."""
    found = {}
    for node in graph.nodes:
        maker = graph.producer(node.input[1]) if node.op_type in ("Conv", "Gemm") else None
        if maker is not None:
            stored, scale = graph.constant(maker.input[0]), graph.constant(maker.input[1])
            assert stored is not None
            assert scale is not None
            found[node.name] = (stored, scale)
    return found


def zero_points(graph: Graph) -> set[str]:
    """The types that activations are quantized to."""
    values = [graph.constant(node.input[2]) for node in graph.nodes if node.op_type == "QuantizeLinear"]
    return {str(value.dtype) for value in values if value is not None}


def ends(ranges: Any) -> dict[str, tuple[float, float]]:
    return {name: tuple(float(np.squeeze(end)) for end in ranges[name].range_value) for name in ranges}  # type: ignore[misc]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_weights_and_activations_have_the_form_asked_for(form: Int8) -> None:
    int8 = quantized(model(), form)
    onnx.checker.check_model(int8, full_check=True)
    graph = Graph(int8)
    stored = weights(graph)
    assert set(stored) == {"conv1", "conv2", "gemm1"}
    assert zero_points(graph) == {form.activations}
    for values, scale in stored.values():
        assert values.dtype == np.int8
        assert np.abs(values.astype(int)).max() in (range(60, 65) if form.reduce_range else range(120, 129))
        assert scale.size in ((5, 16) if form.per_channel else (1,))
    images = STEM.images(32)
    assert nets.error(int8, model(), images) < 0.3


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_weights_lie_around_zero(form: Int8) -> None:
    graph = Graph(quantized(model(), form))
    for node in graph.nodes:
        maker = graph.producer(node.input[1]) if node.op_type in ("Conv", "Gemm") else None
        zero = graph.constant(maker.input[2]) if maker is not None else None
        assert zero is None or not zero.any()  # which fast kernels ask for


@pytest.mark.parametrize("form", [U8S8, S8S8])
def test_the_source_and_the_ranges_are_not_changed(form: Int8) -> None:
    source = model()
    ranges = calibrate(source, STEM.images(16), "minmax")
    before, expected = source.SerializeToString(deterministic=True), ends(ranges)
    once = quantize_static(source, ranges, form)
    assert source.SerializeToString(deterministic=True) == before
    assert ends(ranges) == expected
    assert quantize_static(source, ranges, form) == once


@pytest.mark.parametrize(
    ("kept", "int8", "float32"),
    [
        ((), ["QLinearConv", "QLinearConv", "QGemm"], []),
        (("conv1", "conv1_relu"), ["QLinearConv", "QGemm"], ["FusedConv"]),
        (("conv2", "conv2_relu"), ["QLinearConv", "QGemm"], ["FusedConv"]),
        (("gemm1",), ["QLinearConv", "QLinearConv"], ["Gemm"]),
        (("conv1", "conv2", "gemm1"), [], ["FusedConv", "FusedConv", "Gemm"]),
    ],
)
def test_nodes_to_be_kept_stay_float(
    kept: tuple[str, ...], int8: list[str], float32: list[str], tmp_path: Path
) -> None:
    made = quantized(model(), kept_float=kept)
    assert set(kept).isdisjoint(weights(Graph(made)))
    found = nets.operators(nets.optimized(made, tmp_path))
    assert [name for name in found if name in ("QLinearConv", "QGemm")] == int8
    assert [
        name.replace("Conv", "FusedConv") if name == "Conv" else name for name in found if is_float(name)
    ] == float32
    images = STEM.images(32)
    assert nets.error(made, model(), images) < 0.3


def is_float(operator: str) -> bool:
    return operator in ("Conv", "FusedConv", "Gemm", "FusedGemm")


def test_all_parts_kept_answer_as_float32() -> None:
    source = model()
    names = tuple(node.name for node in source.graph.node)
    images = STEM.images(8)
    assert np.abs(nets.run(quantized(source, kept_float=names), images) - nets.run(source, images)).max() < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_pixels_range_from_0_to_255_however_dark_the_images(method: Method) -> None:
    dark = STEM.images(32) // 32
    source = model()
    ranges = ends(calibrate(source, dark, method))
    assert ranges["cast1"] == ranges["reshape1"] == (0, 255)
    assert max(abs(value) for value in ranges["conv1_relu"]) < 50
    int8 = quantize_static(source, calibrate(source, dark, method), U8S8)
    assert "QuantizeLinear" not in nets.operators(int8.graph)[:4]


def test_pixels_of_a_float_model_range_as_far_as_they_do() -> None:
    source = model()
    source.graph.input[0].CopyFrom(odd.value("image", "float32", ["batch", 16, 16]))
    images = STEM.images(32).astype(np.float32) / 2
    ranges = ends(calibrate(source, images, "minmax"))
    assert ranges["reshape1"] == pytest.approx((0, 127.5))
    int8 = quantize_static(source, calibrate(source, images, "minmax"), U8S8)
    assert nets.error(int8, source, images) < 0.3


@pytest.mark.parametrize("form", [U8S8, S8S8])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_a_model_that_answers_alike(method: Method, form: Int8) -> None:
    source = model()
    int8 = quantized(source, form, method=method)
    onnx.checker.check_model(int8, full_check=True)
    images = STEM.images(32)
    expected = nets.run(source, images)
    assert nets.error(int8, source, images) < 0.5
    assert np.mean(nets.run(int8, images).argmax(axis=1) == expected.argmax(axis=1)) > 0.85


def test_no_method_widens_a_range() -> None:
    source = model()
    images = STEM.images(64)
    widest = ends(calibrate(source, images, "minmax"))
    for method in METHODS[1:]:
        found = ends(calibrate(source, images, method))
        assert set(found) == set(widest)
        assert all(
            high <= widest[name][1] * 1.01 + 1e-6 for name, (_, high) in found.items() if name != "probabilities"
        )
        assert found["conv1_relu"][1] > widest["conv1_relu"][1] / 2


def test_nothing_is_printed_or_logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    level = logging.root.level
    for method in METHODS:
        for form in (U8S8, S8S8):
            quantized(model(), form, ("conv2",), method)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert logging.root.level == level


@pytest.mark.parametrize("operator", ["Sin", "Elu", "Softplus", "Tanh", "Exp", "HardSwish", "Erf"])
def test_an_operator_without_an_int8_form_stays_float(operator: str, tmp_path: Path) -> None:
    between, last = (["Relu", operator], [operator]) if operator != "Exp" else (["Sin", "Exp"], ["Sin", "Exp"])
    source = nets.two_convolutions(STEM, between, last)
    assert operator not in quantizable()
    int8 = quantized(source)
    found = nets.operators(nets.optimized(int8, tmp_path))
    assert found.count("QLinearConv") == 2
    images = STEM.images(32)
    assert nets.error(int8, source, images) < 0.3


@pytest.mark.parametrize("operator", ["Relu", "LeakyRelu", "Sigmoid"])
def test_an_operator_with_an_int8_form_has_it(operator: str, tmp_path: Path) -> None:
    int8 = quantized(nets.two_convolutions(STEM, [operator], [operator]))
    found = nets.operators(nets.optimized(int8, tmp_path))
    assert not {operator, "Conv", "FusedConv", "QuantizeLinear"}.intersection(found)
    assert found.count("DequantizeLinear") == 0


def test_softmax_is_never_quantized() -> None:
    assert "Softmax" not in quantizable()
    assert {"Conv", "Gemm", "MatMul", "Relu", "MaxPool", "Add", "Concat", "Reshape", "Flatten"} <= quantizable()


def test_calibrating_in_chunks_gives_the_ranges_of_all_images_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source, images = model(), STEM.images(50)
    found = []
    for size in (1, 7, 49, 50, 1000):
        monkeypatch.setattr(quantizers, "CALIBRATION_IMAGES", size)
        found.append(ends(calibrate(source, images, "minmax")))
    assert set(found[0]) >= {"cast1", "reshape1", "conv1", "conv1_relu", "pool1", "conv2", "logits"}
    for other in found[1:]:
        require_same(other, found[0])


def test_calibrating_takes_few_images_at_once_where_activations_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    source, images = model(), STEM.images(12)
    sizes: list[int] = []

    def watched(some: NDArray[Any]) -> NDArray[Any]:
        sizes.append(len(some))
        return some

    whole = ends(calibrate(source, images, "minmax", watched))
    shapes = Graph(source).shapes(1)
    activations = sum(int(np.prod([size or 1 for size in shapes[node.output[0]]])) for node in source.graph.node)
    monkeypatch.setattr(quantizers, "CALIBRATION_BYTES", 5 * 4 * activations)
    require_same(ends(calibrate(source, images, "minmax", watched)), whole)
    assert sizes == [12, 5, 5, 2]


def require_same(found: dict[str, tuple[float, float]], expected: dict[str, tuple[float, float]]) -> None:
    assert set(found) == set(expected)
    for name, (low, high) in found.items():
        assert (low, high) == pytest.approx(expected[name], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("method", METHODS[1:])
def test_calibrating_in_chunks_needs_no_equal_chunks(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    source, images = model(), STEM.images(50)
    whole = ends(calibrate(source, images, method))
    monkeypatch.setattr(quantizers, "CALIBRATION_IMAGES", 20)
    parts = ends(calibrate(source, images, method))
    assert set(parts) == set(whole)
    low, high = whole["conv1_relu"]
    assert parts["conv1_relu"] == pytest.approx((low, high), abs=0.2 * high)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("method", METHODS)
def test_a_model_of_a_fixed_batch_is_calibrated_in_such_batches(batch: int, method: Method) -> None:
    source = model()
    for value in (*source.graph.input, *source.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    ranges = ends(calibrate(source, STEM.images(18), method))
    assert set(ranges) == set(ends(calibrate(model(), STEM.images(18), method)))
    if method == "minmax":
        require_same(ranges, ends(calibrate(model(), STEM.images(18), method)))
    int8 = quantized(source)
    batches = STEM.images(8).reshape(-1, batch, 16, 16)
    found, expected = (np.concatenate([nets.run(each, images) for images in batches]) for each in (int8, source))
    assert np.abs(found - expected).max() < 0.3 * expected.std(axis=0).max()


@pytest.mark.parametrize("form", [U8S8, S8S8])
def test_a_tensor_that_is_always_zero_does_no_harm(form: Int8) -> None:
    source = model()
    bias = next(tensor for tensor in source.graph.initializer if tensor.name == "bias2")
    bias.CopyFrom(numpy_helper.from_array(np.full(16, -1e4, np.float32), "bias2"))
    images = STEM.images(16)
    int8 = quantized(source, form)
    assert np.isfinite(nets.run(int8, images)).all()
    assert np.abs(nets.run(int8, images) - nets.run(source, images)).max() < 0.05


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_filter_of_zeros_does_no_harm(form: Int8) -> None:
    source = model()
    tensor = next(item for item in source.graph.initializer if item.name == "weight2")
    values = numpy_helper.to_array(tensor).copy()
    values[3] = 0
    tensor.CopyFrom(numpy_helper.from_array(values, "weight2"))
    images = STEM.images(16)
    assert nets.error(quantized(source, form), source, images) < 0.3


@pytest.mark.parametrize("form", [U8S8, S8S8, PER_TENSOR], ids=str)
def test_a_residual_block_becomes_int8(form: Int8, tmp_path: Path) -> None:
    source = nets.residual(STEM)
    int8 = quantized(source, form)
    found = nets.operators(nets.optimized(int8, tmp_path))
    if form.activations == "uint8":  # x86-64 rewrites int8 activations, and not all of them
        assert found.count("QLinearConv") == 2
        assert "QLinearAdd" in found
    images = STEM.images(32)
    assert nets.error(int8, source, images) < 0.3


def test_a_model_that_cannot_be_run_is_an_export_error() -> None:
    source = model()
    next(node for node in source.graph.node if node.op_type == "Reshape").input[0] = "nowhere"
    with pytest.raises(ExportError, match=r"the model cannot be calibrated: .*; try --scheme dynamic or float16"):
        calibrate(source, STEM.images(8), "minmax")
    source = model()
    with pytest.raises(ExportError, match=r"the model cannot be calibrated: .*; try --scheme dynamic or float16"):
        calibrate(source, STEM.images(8)[:, :5], "minmax")


def test_ranges_that_are_missing_are_an_export_error() -> None:
    source, other = model(), nets.build(STEM)
    ranges = calibrate(other, STEM.images(8), "minmax")
    with pytest.raises(ExportError, match=r"the model cannot be quantized: .*; try --scheme dynamic or float16"):
        quantize_static(source, ranges, U8S8)


def test_real_digits_keep_their_labels(tiny: Path, mnist: Dataset) -> None:
    source = onnx.load(tiny)
    images = mnist.validation.images[:500]
    expected = nets.run(source, images).argmax(axis=1)
    for form in FORMS:
        int8 = quantize_static(source, calibrate(source, mnist.train.images[:64], "minmax"), form)
        assert np.mean(nets.run(int8, images).argmax(axis=1) == expected) > 0.97


def test_a_node_that_reads_the_image_twice_is_quantized_once() -> None:
    source = model()
    source.graph.node.insert(1, helper.make_node("Add", ["cast1", "cast1"], ["doubled"], "add1"))
    next(node for node in source.graph.node if node.op_type == "Reshape").input[0] = "doubled"
    images = STEM.images(32)
    assert nets.error(quantized(source), source, images) < 0.3


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("rewriting", ["", *REWRITINGS])
def test_what_foreign_nets_are_made_of_becomes_int8(rewriting: str, form: Int8, tmp_path: Path) -> None:
    source = nets.mobile(replace(STEM, strides=(2, 2), pads=(1, 1, 2, 2)))
    rewritten = REWRITINGS[rewriting](source) if rewriting else source
    assert rewritten is not None
    int8 = quantized(rewritten, form)
    onnx.checker.check_model(int8, full_check=True)
    images = STEM.images(32)
    assert nets.error(int8, source, images) < 0.3
    if form.activations == "uint8":
        found = nets.operators(nets.optimized(int8, tmp_path))
        assert found.count("QLinearConv") == 4
        assert {"QLinearMul", "QLinearConcat", "QLinearLeakyRelu", "QLinearGlobalAveragePool"} <= set(found)
        assert not {"Conv", "FusedConv", "QuantizeLinear"}.intersection(found)


@pytest.mark.parametrize("opset", [13, 14, 15, 16, 17, 18, 19, 20, 21, 22])
def test_every_opset_becomes_int8(opset: int) -> None:
    source = nets.mobile(STEM, opset)
    int8 = quantized(source)
    assert int8.opset_import[0].version == opset
    images = STEM.images(16)
    assert nets.error(int8, source, images) < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_what_a_relu_returns_ranges_from_zero(method: Method) -> None:
    """For the quantizer leaves a Relu to the lower end of the range."""
    ranges = ends(calibrate(model(), STEM.images(32), method))
    assert ranges["conv1_relu"][0] == ranges["conv2_relu"][0] == 0
