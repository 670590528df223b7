"""Parameters and multiply-accumulates against numbers computed by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgecnn.graph.describe import describe
from edgecnn.quantizing.quantizers import calibrate, dynamic, float16, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8, Int8

SIZE, CHANNELS, FILTERS, CLASSES = 12, 4, 8, 3


def small_net(groups: int = 1, size: odd.Size = SIZE) -> Any:
    """float32 [batch, 4, size, size]: Conv 3×3-8 with bias and no padding, stride 2, Flatten, Gemm to 3 classes."""
    side = (SIZE - 3) // 2 + 1
    zeros = {
        "conv_weight": (FILTERS, CHANNELS // groups, 3, 3),
        "conv_bias": (FILTERS,),
        "gemm_weight": (CLASSES, FILTERS * side * side),
        "gemm_bias": (CLASSES,),
    }
    nodes = [
        helper.make_node("Conv", ["image", "conv_weight", "conv_bias"], ["conv"], strides=[2, 2], group=groups),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("Flatten", ["relu"], ["flat"]),
        helper.make_node("Gemm", ["flat", "gemm_weight", "gemm_bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    random = np.random.default_rng(0)
    return odd.model_of(
        nodes,
        [odd.value("image", "float32", ["batch", CHANNELS, size, size])],
        [odd.value("probabilities", "float32", ["batch", CLASSES])],
        {name: random.normal(size=shape).astype(np.float32) for name, shape in zeros.items()},
    )


# By hand: the convolution's output is (12 - 3) // 2 + 1 = 5 a side, so 8 × 5 × 5 = 200 values.
PARAMETERS = 8 * 4 * 9 + 8 + 3 * 200 + 3
MACS = 200 * 4 * 9 + 3 * 200


def test_a_convolution_and_a_dense_layer() -> None:
    described = describe(small_net())
    assert (described.parameters, described.macs) == (PARAMETERS, MACS) == (899, 7800)
    assert (described.opset, described.ir_version) == (17, 8)
    assert described.operators == {"Conv": 1, "Relu": 1, "Flatten": 1, "Gemm": 1, "Softmax": 1}


def test_each_group_of_a_convolution_sees_its_own_channels_only() -> None:
    described = describe(small_net(groups=4))
    assert described.parameters == 8 * 1 * 9 + 8 + 600 + 3
    assert described.macs == 200 * 1 * 9 + 600


def test_a_dense_layer_with_its_weight_the_other_way_round_is_the_same() -> None:
    model = small_net()
    tensor = next(item for item in model.graph.initializer if item.name == "gemm_weight")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).T.copy(), tensor.name))
    model.graph.node[3].CopyFrom(helper.make_node("Gemm", ["flat", "gemm_weight", "gemm_bias"], ["logits"]))
    assert describe(model).macs == MACS
    model.graph.node[3].CopyFrom(helper.make_node("MatMul", ["flat", "gemm_weight"], ["logits"]))
    assert (describe(model).macs, describe(model).parameters) == (MACS, PARAMETERS - 3)


def test_open_shapes_have_no_number_of_multiplications() -> None:
    described = describe(small_net(size="side"))
    assert described.macs is None
    assert described.parameters == PARAMETERS


def test_weights_that_are_listed_as_inputs_too_keep_their_shapes() -> None:
    model = small_net()
    model.graph.input.extend(odd.value(tensor.name, "float32", list(tensor.dims)) for tensor in model.graph.initializer)
    assert (describe(model).parameters, describe(model).macs) == (PARAMETERS, MACS)


def test_a_weight_read_twice_is_one_weight_multiplied_twice() -> None:
    model = small_net()
    del model.graph.node[4]
    for name in ("a", "b"):
        model.graph.node.add().CopyFrom(helper.make_node("Gemm", ["logits", "square"], [name]))
    model.graph.node.add().CopyFrom(helper.make_node("Add", ["a", "b"], ["probabilities"]))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((3, 3), np.float32), "square"))
    assert describe(model).parameters == PARAMETERS + 9
    assert describe(model).macs == MACS + 2 * 9


def test_positions_and_sizes_are_no_parameters() -> None:
    model = small_net()
    model.graph.node[2].CopyFrom(helper.make_node("Reshape", ["relu", "form"], ["flat"]))
    model.graph.node.insert(2, helper.make_node("Slice", ["conv", "starts", "ends"], ["cut"]))
    model.graph.node[1].input[0] = "cut"
    model.graph.node.insert(1, model.graph.node.pop(2))
    for name, values in (("form", [-1, 200]), ("starts", [0, 0]), ("ends", [99, 99])):
        model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    onnx.checker.check_model(model, full_check=True)
    assert describe(model).parameters == PARAMETERS


@pytest.mark.parametrize("form", [U8S8, S8S8])
def test_static_int8_has_the_parameters_and_multiplications_of_its_source(form: Int8) -> None:
    source, images = small_net(), np.ones((2, CHANNELS, SIZE, SIZE), np.float32)
    described = describe(quantize_static(source, calibrate(source, images, "minmax"), form))
    assert described.operators["DequantizeLinear"] >= 4
    assert (described.parameters, described.macs) == (PARAMETERS, MACS)


def test_dynamic_int8_has_the_parameters_and_multiplications_of_its_source() -> None:
    described = describe(dynamic(small_net()))
    assert described.operators["ConvInteger"] == described.operators["MatMulInteger"] == 1
    assert (described.parameters, described.macs) == (PARAMETERS, MACS)


def test_float16_has_the_parameters_and_multiplications_of_its_source(tiny: Path, tmp_path: Path) -> None:
    onnx.save(float16(onnx.load(tiny)), tmp_path / "b.onnx")
    source, described = describe(onnx.load(tiny)), describe(onnx.load(tmp_path / "b.onnx"))
    assert described.operators["Cast"] == source.operators["Cast"] + 1
    assert (described.parameters, described.macs) == (source.parameters, source.macs)


def test_integer_operators_have_no_parameters_but_weights_and_biases() -> None:
    """QLinearConv and QGemm, with a scale and a zero point for each tensor."""
    constants: dict[str, NDArray[Any]] = {
        "scale": np.array(0.1, np.float32),
        "zero": np.array(0, np.uint8),
        "conv_weight": np.ones((2, 1, 3, 3), np.uint8),
        "conv_bias": np.ones(2, np.int32),
    }
    one, weight = ["scale", "zero"], ["conv_weight", "scale", "zero"]
    node = helper.make_node("QLinearConv", ["image", *one, *weight, *one, "conv_bias"], ["conv"])
    model = odd.model_of(
        [node],
        [odd.value("image", "uint8", ["batch", 1, 5, 5])],
        [odd.value("conv", "uint8", ["batch", 2, 3, 3])],
        constants,
    )
    assert (describe(model).parameters, describe(model).macs) == (2 * 9 + 2, 2 * 9 * 9)
