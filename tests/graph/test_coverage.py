"""What onnxruntime makes of quantized models, against what was quantized how."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import onnxruntime.quantization as ort
import pytest
from numpy.typing import NDArray
from onnx import helper

from edgecnn.errors import MissingDependencyError, ModelError
from edgecnn.graph.coverage import Coverage, coverage
from edgecnn.graph.fast_paths import Convolution

MACS = {"conv1": 8 * 8 * 16 * 9, "conv2": 4 * 4 * 32 * 16 * 9, "gemm1": 32 * 16 * 10}
UINT8, INT8 = ort.QuantType.QUInt8, ort.QuantType.QInt8


def network(group: int = 1) -> Any:
    """A float32 net of two convolutions, 1 → 16 and 16 → 32 channels (16 by groups), on 8×8 images."""
    random = np.random.default_rng(0)
    wide = 32 if group == 1 else 16
    weights: dict[str, NDArray[Any]] = {
        "weight1": random.normal(0, 0.1, (16, 1, 3, 3)).astype(np.float32),
        "weight2": random.normal(0, 0.1, (wide, 16 // group, 3, 3)).astype(np.float32),
        "weight3": random.normal(0, 0.1, (wide * 16, 10)).astype(np.float32),
        "shape": np.array([-1, 1, 8, 8], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast1", "shape"], ["reshape1"], "reshape1"),
        helper.make_node("Conv", ["reshape1", "weight1"], ["conv1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("MaxPool", ["relu1"], ["pool1"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["pool1", "weight2"], ["conv2"], "conv2", pads=[1, 1, 1, 1], group=group),
        helper.make_node("Relu", ["conv2"], ["relu2"], "relu2"),
        helper.make_node("Flatten", ["relu2"], ["flatten1"], "flatten1"),
        helper.make_node("Gemm", ["flatten1", "weight3"], ["gemm1"], "gemm1"),
        helper.make_node("Softmax", ["gemm1"], ["probabilities"], "softmax1", axis=-1),
    ]
    ends = [odd.value("image", "uint8", ["batch", 8, 8])], [odd.value("probabilities", "float32", ["batch", 10])]
    return odd.model_of(nodes, *ends, weights)


class Reader(ort.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self) -> None:
        images = np.random.default_rng(1).integers(0, 256, (4, 2, 8, 8), np.uint8)
        self.batches: Iterator[NDArray[np.uint8]] = iter(images)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"image": batch}


def static(folder: Path, model: Any = None, **options: Any) -> Coverage:
    """The coverage of `network` in static int8, U8S8 unless told otherwise."""
    given = {"activation_type": UINT8, "weight_type": INT8, "per_channel": True, **options}
    ort.quantize_static(model or network(), folder / "small.onnx", Reader(), **given)
    return coverage(folder / "small.onnx")


def precisions(covered: Coverage) -> dict[str, str]:
    return {node.name: node.precision for node in covered.nodes}


def test_nothing_of_a_float_model_runs_in_int8(tmp_path: Path) -> None:
    covered = coverage(odd.save(network(), tmp_path / "float.onnx"))
    assert {node.precision for node in covered.nodes} == {"float32", "conversion", "data"}
    assert (covered.int8_macs, covered.leftovers, covered.convolutions) == (0, (), ())
    assert sum(node.macs or 0 for node in covered.nodes) == sum(MACS.values())


@pytest.mark.parametrize("activations", [UINT8, INT8])
def test_static_int8_quantizes_once_and_dequantizes_once(activations: Any, tmp_path: Path) -> None:
    covered = static(tmp_path, activation_type=activations)
    found = precisions(covered)
    assert {name: found[name] for name in ("conv1", "conv2", "pool1", "gemm1")} == dict.fromkeys(
        ("conv1", "conv2", "pool1", "gemm1"), "int8"
    )
    assert (found["cast1"], found["reshape1"]) == ("conversion", "data")
    assert "float32" not in found.values()
    assert [(item.operator, item.after, item.before) for item in covered.leftovers] == [
        ("QuantizeLinear", "cast1", ("conv1",)),
        ("DequantizeLinear", "softmax1", ("output",)),
    ]
    assert covered.int8_macs == 1
    assert {node.name: node.macs for node in covered.nodes if node.macs} == MACS


@pytest.mark.parametrize("activations", [UINT8, INT8])
def test_convolutions_are_judged_as_the_optimized_graph_has_them(activations: Any, tmp_path: Path) -> None:
    covered = static(tmp_path, activation_type=activations)
    assert [judged.convolution for judged in covered.convolutions] == [
        Convolution("conv1", 1, 16, (3, 3)),
        Convolution("conv2", 16, 32, (3, 3)),
    ]
    assert [[verdict.fast for verdict in judged.verdicts] for judged in covered.convolutions] == [
        [False, False],
        [True, False],
    ]


def test_what_was_left_in_float_stands_between_what_is_left_over(tmp_path: Path) -> None:
    covered = static(tmp_path, nodes_to_exclude=["conv2", "relu2"])
    assert [judged.convolution.name for judged in covered.convolutions] == ["conv1"]
    floats = {node.name for node in covered.nodes if node.precision == "float32" and node.macs}
    assert floats == {"relu2"}  # onnxruntime names a convolution after the activation that it takes in
    assert covered.int8_macs == pytest.approx((MACS["conv1"] + MACS["gemm1"]) / sum(MACS.values()))
    assert [(item.operator, item.after, item.before) for item in covered.leftovers] == [
        ("QuantizeLinear", "cast1", ("conv1",)),
        ("DequantizeLinear", "pool1", ("relu2",)),
        ("QuantizeLinear", "relu2", ("gemm1",)),
        ("DequantizeLinear", "softmax1", ("output",)),
    ]


def test_groups_are_read(tmp_path: Path) -> None:
    covered = static(tmp_path, network(group=16))
    depthwise = covered.convolutions[1]
    assert depthwise.convolution == Convolution("conv2", 16, 16, (3, 3), group=16)
    assert [verdict.path for verdict in depthwise.verdicts] == ["MlasConvSymDepthwise"] * 2


def test_unsigned_weights_miss_the_fast_path(tmp_path: Path) -> None:
    covered = static(tmp_path, weight_type=UINT8)
    assert {judged.convolution.form for judged in covered.convolutions} == {"asymmetric"}


def test_operators_of_onnxruntime_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="only ONNX's own operators"):
        static(tmp_path, activation_type=INT8, quant_format=ort.QuantFormat.QOperator)


def test_dynamic_int8_multiplies_in_int8_and_does_the_rest_in_float(tmp_path: Path) -> None:
    source = odd.save(network(), tmp_path / "float.onnx")
    ort.quantize_dynamic(source, tmp_path / "small.onnx", weight_type=UINT8)
    covered = coverage(tmp_path / "small.onnx")
    found = {node.operator: node.precision for node in covered.nodes}
    assert found["ConvInteger"] == found["DynamicQuantizeMatMul"] == "int8"
    assert found["Relu"] == found["Mul"] == found["MaxPool"] == "float32"
    assert covered.int8_macs == 1
    assert {item.operator for item in covered.leftovers} == {"DynamicQuantizeLinear"}
    assert {judged.convolution.form for judged in covered.convolutions} == {"dynamic"}
    assert [judged.convolution.inputs for judged in covered.convolutions] == [1, 16]


def test_float16_is_no_int8(tmp_path: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    covered = coverage(odd.save(convert_float_to_float16(network(), keep_io_types=True), tmp_path / "half.onnx"))
    assert {node.precision for node in covered.nodes} <= {"float32", "float16", "conversion", "data"}
    assert (covered.int8_macs, covered.convolutions) == (0, ())


def test_open_shapes_have_no_share(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["image", "weight"], ["conv1"], "conv1"),
        helper.make_node("GlobalAveragePool", ["conv1"], ["means"], "pool1"),
        helper.make_node("Flatten", ["means"], ["probabilities"], "flatten1"),
    ]
    ends = (
        [odd.value("image", "float32", ["batch", 1, "h", "w"])],
        [odd.value("probabilities", "float32", ["batch", 4])],
    )
    model = odd.model_of(nodes, *ends, {"weight": np.ones((4, 1, 3, 3), np.float32)})
    covered = coverage(odd.save(model, tmp_path / "odd.onnx"))
    assert covered.int8_macs is None
    assert [node.macs for node in covered.nodes if node.operator == "Conv"] == [None]


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    model = odd.linear()
    (tmp_path / "weights.bin").write_bytes(odd.weights_of(model))
    with pytest.raises(ModelError, match="another place"):
        coverage(odd.save_external(model, tmp_path / "odd.onnx", "weights.bin"))


def test_nothing_is_left_on_the_disk_and_the_file_is_as_it_was(tmp_path: Path) -> None:
    path = odd.save(network(), tmp_path / "float.onnx")
    before = path.read_bytes()
    coverage(path)
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], before)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(network().SerializeToString()[:1000])
    with pytest.raises(ModelError, match=r"bad\.onnx .* truncated"):
        coverage(tmp_path / "bad.onnx")


def test_without_onnx_it_says_how_to_get_it(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"edgecnn\[quantize\]"):
        coverage(tiny)
