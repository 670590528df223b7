"""What can be quantized is brought into one form, and what cannot be is refused with the reason."""

from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from onnx import helper, numpy_helper

from edgecnn.errors import ExportError, ModelError
from edgecnn.graph.graph import Graph, metadata
from edgecnn.graph.units import units_of
from edgecnn.quantizing.float32_model import OLDEST_OPSET, load_source
from edgecnn.quantizing.quantizers import calibrate, dynamic, float16, quantize_static
from edgecnn.quantizing.schemes import U8S8

STEM = nets.digits(height=16, width=16)


def model() -> Any:
    return nets.with_softmax(nets.build(STEM))


def loaded(source: Any, folder: Path) -> Any:
    return load_source(odd.save(source, folder / "model.onnx"))


def require_same_answers(source: Any, found: Any) -> None:
    onnx.checker.check_model(found, full_check=True)
    images = STEM.images(5)
    assert np.abs(nets.run(found, images) - nets.run(source, images)).max() <= 1e-6


def stored(source: Any, name: str) -> Any:
    return next(tensor for tensor in source.graph.initializer if tensor.name == name)


def constants(source: Any) -> list[Any]:
    """Turn every initializer into a Constant node; returns those nodes."""
    made = [
        helper.make_node("Constant", [], [tensor.name], f"the {tensor.name}", value=tensor)
        for tensor in source.graph.initializer
    ]
    nodes = [*made, *source.graph.node]
    del source.graph.initializer[:]
    del source.graph.node[:]
    source.graph.node.extend(nodes)
    return made


def test_a_clean_model_is_left_as_it_is(tmp_path: Path) -> None:
    source = model()
    found = loaded(source, tmp_path)
    assert found == source


@pytest.mark.parametrize("name", ["weight", "bias", "head"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(number: float, name: str, tmp_path: Path) -> None:
    source = model()
    values = numpy_helper.to_array(stored(source, name)).copy()
    values.flat[3] = number
    stored(source, name).CopyFrom(numpy_helper.from_array(values, name))
    words = rf"model\.onnx has NaN or infinite weights, in {name}: train and export it again"
    with pytest.raises(ExportError, match=words):
        loaded(source, tmp_path)
    constants(source)
    with pytest.raises(ExportError, match=r"model\.onnx has NaN or infinite weights"):
        loaded(source, tmp_path)


def test_a_bound_may_be_infinite(tmp_path: Path) -> None:
    source = nets.build(nets.digits(height=16, width=16, activation="Clip"))
    stored(source, "most").CopyFrom(numpy_helper.from_array(np.array(np.inf, np.float32), "most"))
    stored(source, "least").CopyFrom(numpy_helper.from_array(np.array(0, np.float32), "least"))
    require_same_answers(source, loaded(source, tmp_path))


def test_a_model_that_says_that_it_is_quantized_is_refused(tmp_path: Path) -> None:
    source = model()
    helper.set_model_props(source, {"quantization": '{"scheme": "static"}'})
    with pytest.raises(ExportError, match=r"model\.onnx is already quantized: give the float32 file it was made from$"):
        loaded(source, tmp_path)


@pytest.mark.parametrize("way", ["static", "dynamic", "optimized", "float16"])
def test_a_model_that_is_quantized_is_refused_whatever_it_says(way: str, tmp_path: Path) -> None:
    source = model()
    int8 = quantize_static(source, calibrate(source, STEM.images(8), "minmax"), U8S8)
    made = {
        "static": lambda: int8,
        "dynamic": lambda: dynamic(source),
        "optimized": lambda: onnx.helper.make_model(
            nets.optimized(int8, tmp_path),
            opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ),
        "float16": lambda: float16(source),
    }[way]()
    assert "quantization" not in metadata(made)
    with pytest.raises((ExportError, ModelError), match=r"model\.onnx (is already quantized|holds 16-bit|.*operator)"):
        loaded(made, tmp_path)


def test_branches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"model\.onnx has control flow \(Loop\), which cannot be quantized: export it without"
    ):
        loaded(odd.endless(), tmp_path)


def test_a_model_without_anything_to_speed_up_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["image"], ["cast1"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["cast1"], ["mean1"], axes=[1], keepdims=0),
        helper.make_node("Softmax", ["mean1"], ["probabilities"]),
    ]
    image, probabilities = odd.value("image", "uint8", ["n", 4, 5]), odd.value("probabilities", "float32", ["n", 5])
    source = odd.model_of(nodes, [image], [probabilities], {})
    words = r"model\.onnx has none of Conv, Gemm, MatMul, ConvTranspose, so int8 would not speed it up: use the float32"
    with pytest.raises(ExportError, match=words):
        loaded(source, tmp_path)


def of_opset(opset: int) -> Any:
    """With what opset 13 changed: Softmax, Squeeze, Unsqueeze and ReduceSum with their axes as attributes."""
    source = model()
    flatten = next(node for node in source.graph.node if node.op_type == "Flatten")
    source.graph.node.insert(5, helper.make_node("Unsqueeze", [flatten.input[0]], ["wide"], "unsqueeze1", axes=[1]))
    source.graph.node.insert(6, helper.make_node("Squeeze", ["wide"], ["narrow"], "squeeze1", axes=[1]))
    flatten.input[0] = "narrow"
    source.opset_import[0].version = opset
    source.ir_version = {11: 6, 12: 7}[opset]
    helper.set_model_props(source, {"labels": '["a"]'})
    onnx.checker.check_model(source, full_check=True)
    return source


@pytest.mark.parametrize("opset", [11, 12])
def test_an_old_opset_is_raised(opset: int, tmp_path: Path) -> None:
    source = of_opset(opset)
    found = loaded(source, tmp_path)
    assert found.opset_import[0].version == OLDEST_OPSET
    require_same_answers(source, found)
    assert metadata(found) == {"labels": '["a"]'}
    assert [value.name for value in found.graph.input] == ["image"]
    assert found.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    int8 = quantize_static(found, calibrate(found, STEM.images(32), "minmax"), U8S8)
    images = STEM.images(16)
    assert nets.error(int8, source, images) < 0.3


def test_an_old_file_that_lists_its_weights_as_inputs_is_read(tmp_path: Path) -> None:
    source = of_opset(11)
    source.ir_version = 3
    for tensor in source.graph.initializer:
        source.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    found = loaded(source, tmp_path)
    assert [value.name for value in found.graph.input] == ["image"]
    found.ir_version = 8
    require_same_answers(source, found)


def test_weights_listed_as_inputs_are_inputs_no_more(tmp_path: Path) -> None:
    source = model()
    for tensor in source.graph.initializer:
        source.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    assert loaded(source, tmp_path) == model()


@pytest.mark.parametrize(("opset", "reason"), [(5, "No Adapter .* for Cast"), (6, "Dimension is a param")])
def test_an_opset_that_cannot_be_raised_is_refused_with_the_reason(opset: int, reason: str, tmp_path: Path) -> None:
    source = of_opset(11)
    source.opset_import[0].version = opset
    words = (
        rf"model\.onnx has opset {opset}; quantizing needs 13, and onnx cannot raise it \(.*{reason}.*\): "
        "export it again with --opset 13 or more, or try --scheme dynamic or float16$"
    )
    with pytest.raises(ExportError, match=words):
        loaded(source, tmp_path)


def test_nodes_without_names_and_with_the_same_get_their_own(tmp_path: Path) -> None:
    source = model()
    for node in source.graph.node:
        node.name = ""
    source.graph.node[2].name = source.graph.node[3].name = "twice"
    source.graph.node[0].name = "maxpool_1"  # as the fifth would be called
    found = loaded(source, tmp_path)
    names = [node.name for node in found.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert names[2] == "twice"
    assert (names[0], names[4]) == ("maxpool_1", "maxpool_2")
    require_same_answers(model(), found)  # onnxruntime opens no file in which two nodes share a name


def test_constant_nodes_become_initializers(tmp_path: Path) -> None:
    source = model()
    constants(source)
    found = loaded(source, tmp_path)
    assert "Constant" not in nets.operators(found.graph)
    assert len(found.graph.initializer) == len(model().graph.initializer)
    require_same_answers(source, found)


def test_constants_of_every_form_become_initializers(tmp_path: Path) -> None:
    source = nets.build(nets.digits(height=16, width=16, activation="Clip"))
    forms: dict[str, dict[str, Any]] = {
        "least": {"value_float": -0.5},
        "most": {"value_float": 6.0},
        "rows": {"value_ints": [-1, 1, 16, 16]},
        "head_bias": {"value_floats": [0.5, 1, 2, 3, 4]},
    }
    for name, value in forms.items():
        source.graph.initializer.remove(stored(source, name))
        source.graph.node.insert(0, helper.make_node("Constant", [], [name], name, **value))
    found = loaded(source, tmp_path)
    assert "Constant" not in nets.operators(found.graph)
    require_same_answers(source, found)
    int8 = quantize_static(found, calibrate(found, STEM.images(32), "minmax"), U8S8)
    assert nets.error(int8, source, STEM.images(32)) < 0.3
    assert set(units_of(Graph(found))) == {node.name for node in found.graph.node}


def test_what_no_result_needs_is_dropped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = model()
    source.graph.initializer.append(numpy_helper.from_array(np.ones(4, np.float32), "unused"))
    source.graph.node.append(helper.make_node("Neg", ["logits"], ["nobody"], "neg1"))
    found = loaded(source, tmp_path)
    assert found == model()
    calibrate(found, STEM.images(4), "minmax")
    assert capfd.readouterr() == ("", "")


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(odd.weights_of(odd.linear()))
    path = odd.save_external(odd.linear(), tmp_path / "model.onnx", "weights.bin")
    with pytest.raises(ModelError, match="another place"):
        load_source(path)


def test_the_file_is_not_changed(tmp_path: Path) -> None:
    path = odd.save(of_opset(12), tmp_path / "model.onnx")
    before = path.read_bytes()
    load_source(path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(("alpha", "beta", "turned"), [(2.0, 0.5, 0), (1.0, 1.0, 1), (0.5, 3.0, 1)])
def test_a_gemms_factors_and_transposition_go_into_its_constants(
    alpha: float, beta: float, turned: int, tmp_path: Path
) -> None:
    """Otherwise int8 would be of another model: onnxruntime's quantizer heeds neither factor."""
    source = model()
    gemm = next(node for node in source.graph.node if node.op_type == "Gemm")
    weights = stored(source, gemm.input[1])
    if turned:
        array = numpy_helper.to_array(weights).T.copy()
        weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    del gemm.attribute[:]
    values = {"alpha": alpha, "beta": beta, "transB": turned}
    gemm.attribute.extend(helper.make_attribute(name, value) for name, value in values.items())
    found = loaded(source, tmp_path)
    require_same_answers(source, found)
    assert not next(node for node in found.graph.node if node.op_type == "Gemm").attribute
    quantized = quantize_static(found, calibrate(found, STEM.images(64), "minmax"), U8S8)
    images = STEM.images(5)
    assert np.abs(nets.run(quantized, images) - nets.run(source, images)).max() < 0.1
