"""Rewritten stems answer like the original, whatever their sizes; what cannot be rewritten is left alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from little_nets import POOL_2X2, Stem
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgecnn.graph.graph import Graph
from edgecnn.graph.layouts import REWRITINGS, channels_last, space_to_depth_blocks, space_to_depth_columns
from edgecnn.quantizing.float32_model import load_source
from edgecnn.quantizing.quantizers import calibrate, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8

SEEDS = 90
COLUMNS, BLOCKS = "space-to-depth 1×4", "space-to-depth 2×2"
MOST_DIFFERENCE = 1e-5  # of the largest value


def require_equal(model: Any, rewritten: Any, images: NDArray[np.uint8]) -> None:
    for expected, found in zip(nets.run_all(model, images), nets.run_all(rewritten, images), strict=True):
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= MOST_DIFFERENCE * np.abs(expected).max()


def require_tidy(model: Any) -> None:
    """No node, initializer or recorded shape that no result needs, and no name twice."""
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    needed = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    stored = [tensor.name for tensor in graph.initializer]
    made = [name for node in graph.node for name in node.output]
    assert set(stored) <= needed
    assert all(needed.intersection(node.output) for node in graph.node)
    assert len({*stored, *made}) == len(stored) + len(made)
    assert len({node.name for node in graph.node}) == len(graph.node)


def require_exact(model: Any, name: str, images: NDArray[np.uint8]) -> bool:
    """Rewrite, check all there is to check, and return whether there was a place for it."""
    before = model.SerializeToString(deterministic=True)
    rewritten = REWRITINGS[name](model)
    assert model.SerializeToString(deterministic=True) == before
    if rewritten is None:
        return False
    require_tidy(rewritten)
    for count in (1, 3):
        require_equal(model, rewritten, images[:count])
    return True


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_rewritten_stem_answers_the_same(seed: int) -> None:
    stem = nets.random_stem(seed)
    model = nets.build(stem)
    assert require_exact(model, "channels-last", stem.images(3))  # which suits every stem
    for name in (COLUMNS, BLOCKS):
        require_exact(model, name, stem.images(3))


def test_the_random_stems_give_every_rewriting_work() -> None:
    found = dict.fromkeys(REWRITINGS, 0)
    pooled = 0
    for stem in map(nets.random_stem, range(SEEDS)):
        for name, rewriting in REWRITINGS.items():
            rewritten = rewriting(nets.build(stem))
            found[name] += rewritten is not None
            pooled += rewritten is not None and [1, 4] in pool_shapes(rewritten)
    assert found["channels-last"] == SEEDS
    assert SEEDS / 4 < found[COLUMNS] < SEEDS
    assert SEEDS / 20 < found[BLOCKS] < SEEDS
    assert pooled > 2


def pool_shapes(model: Any) -> list[list[int]]:
    pools = [node for node in model.graph.node if node.op_type == "MaxPool"]
    return [list(item.ints) for node in pools for item in node.attribute if item.name == "kernel_shape"]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("kernel", range(1, 8))
def test_four_columns_become_channels(kernel: int, stride: int, channels: int) -> None:
    (top, bottom), (left, right) = nets.same(13, kernel, stride), nets.same(16, kernel, stride)
    stem = Stem(13, 16, channels, (kernel, kernel), (stride, stride), (top, left, bottom, right))
    assert require_exact(nets.build(stem), COLUMNS, stem.images(3))
    rewritten = Graph(space_to_depth_columns(nets.build(stem)))
    weights = rewritten.constant("conv1_weight")
    assert weights is not None
    assert weights.shape[:2] == (stem.filters * 4 // stride, 4 * channels)
    assert rewritten.nodes[1].op_type == "Reshape"
    assert rewritten.nodes[2].op_type == "Transpose"  # one alone: int8 kernels cancel it
    assert rewritten.nodes[3].op_type == "Conv"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kernel", range(1, 8))
def test_a_pool_over_blocks_becomes_the_maximum_over_their_phases(kernel: int, channels: int) -> None:
    (top, bottom), (left, right) = nets.same(14, kernel, 1), nets.same(18, kernel, 1)
    pads = (top, left, bottom, right)
    stem = Stem(14, 18, channels, (kernel, kernel), (1, 1), pads, activation="LeakyRelu", pool=POOL_2X2)
    assert require_exact(nets.build(stem), BLOCKS, stem.images(3))
    assert pool_shapes(space_to_depth_blocks(nets.build(stem))) == [[1, 4]]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kernel", range(1, 8))
def test_a_stride_of_two_over_blocks_needs_no_pool(kernel: int, channels: int) -> None:
    (top, bottom), (left, right) = nets.same(14, kernel, 2), nets.same(18, kernel, 2)
    stem = Stem(14, 18, channels, (kernel, kernel), (2, 2), (top, left, bottom, right), branch=True)
    assert require_exact(nets.build(stem), BLOCKS, stem.images(3))
    weights = Graph(space_to_depth_blocks(nets.build(stem))).constant("conv1_weight")
    assert weights is not None
    assert weights.shape[:2] == (stem.filters, 4 * channels)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        pytest.param(COLUMNS, nets.digits(width=30), id="width no multiple of four"),
        pytest.param(COLUMNS, nets.digits(strides=(3, 3), pads=(0, 0, 0, 0)), id="stride of three"),
        pytest.param(BLOCKS, nets.digits(height=27), id="odd height"),
        pytest.param(BLOCKS, nets.digits(width=27), id="odd width"),
        pytest.param(BLOCKS, nets.digits(pool=None), id="no pool"),
        pytest.param(BLOCKS, nets.digits(branch=True), id="two readers"),
        pytest.param(BLOCKS, nets.digits(pool=POOL_2X2 | {"pads": [0, 0, 1, 1]}), id="pool with padding"),
        pytest.param(BLOCKS, nets.digits(pool={"kernel_shape": [3, 3], "strides": [2, 2]}), id="3×3 pool"),
        pytest.param(BLOCKS, nets.digits(pool={"kernel_shape": [2, 2]}), id="overlapping pool"),
        pytest.param(BLOCKS, nets.digits(pool=POOL_2X2 | {"dilations": [2, 2]}), id="dilated pool"),
        pytest.param(BLOCKS, nets.digits(kernel=(4, 4), pads=(0, 0, 0, 0)), id="odd number of outputs"),
    ],
)
def test_where_blocks_do_not_fit_nothing_is_done(name: str, stem: Stem) -> None:
    assert not require_exact(nets.build(stem), name, stem.images(1))


@pytest.mark.parametrize(
    "attributes", [{"dilations": [2, 2]}, {"auto_pad": "SAME_UPPER"}, {"group": 1, "auto_pad": "SAME_LOWER"}]
)
def test_another_kind_of_convolution_is_left_alone(attributes: dict[str, Any]) -> None:
    stem = nets.digits(pads=(0, 0, 0, 0), kernel=(3, 3), pool=None, bias=False)
    image = helper.make_node("Cast", ["image"], ["cast1"], "cast1", to=onnx.TensorProto.FLOAT)
    rows = helper.make_node("Reshape", ["cast1", "rows"], ["reshape1"], "reshape1")
    conv = helper.make_node("Conv", ["reshape1", "weight"], ["conv1"], "conv1", kernel_shape=[3, 3], **attributes)
    constants = {"rows": np.array([-1, 1, 28, 28]), "weight": np.ones((2, 1, 3, 3), np.float32)}
    model = nets.with_head([image, rows, conv], "conv1", stem, constants)
    for name in (COLUMNS, BLOCKS):
        assert not require_exact(model, name, stem.images(1))
    require_exact(model, "channels-last", stem.images(3))  # its last feature map can still be flattened so


def test_a_convolution_that_padding_names_valid_is_rewritten() -> None:
    stem = nets.digits(pads=(0, 0, 0, 0))
    model = nets.build(stem)
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.attribute.remove(next(item for item in conv.attribute if item.name == "pads"))
    conv.attribute.append(helper.make_attribute("auto_pad", "VALID"))
    for name in REWRITINGS:
        assert require_exact(model, name, stem.images(3))


@pytest.mark.parametrize("tensor", ["conv1", "act1"])
def test_a_feature_map_that_is_a_result_too_stays_as_it_is(tensor: str) -> None:
    for stem in (nets.digits(), nets.digits(pool=None), nets.digits(strides=(4, 4), pool=None)):
        model = nets.build(stem)
        model.graph.output.append(odd.value(tensor, "float32", ["batch", None, None, None]))
        applied = [name for name in REWRITINGS if require_exact(model, name, stem.images(3))]
        assert "channels-last" in applied
        assert BLOCKS not in applied or stem.strides == (4, 4)


def test_a_pool_whose_positions_are_asked_for_stays_as_it_is() -> None:
    stem = nets.digits()
    model = nets.build(stem)
    next(node for node in model.graph.node if node.op_type == "MaxPool").output.append("positions")
    model.graph.output.append(helper.make_tensor_value_info("positions", onnx.TensorProto.INT64, ["batch", 16, 14, 14]))
    applied = [name for name in REWRITINGS if require_exact(model, name, stem.images(3))]
    assert BLOCKS not in applied  # which would move the pool's positions
    assert "channels-last" in applied


def test_a_computed_or_missing_bias_is_left_alone_or_kept_missing() -> None:
    stem = nets.digits()
    model = nets.build(stem)
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.input[2] = ""
    for name in REWRITINGS:
        assert require_exact(model, name, stem.images(2))
    conv.input[2] = "computed"
    model.graph.node.insert(0, helper.make_node("Neg", ["bias"], ["computed"], "neg1"))
    for name in (COLUMNS, BLOCKS):
        assert not require_exact(model, name, stem.images(2))


def test_a_stem_may_read_its_image_without_a_reshape() -> None:
    stem = nets.digits()
    model = nets.build(stem)
    shape = model.graph.input[0].type.tensor_type.shape
    shape.dim.insert(1, onnx.TensorShapeProto.Dimension(dim_value=1))
    reshape = next(node for node in model.graph.node if node.op_type == "Reshape")
    for node in model.graph.node:
        node.input[:] = ["cast1" if name == reshape.output[0] else name for name in node.input]
    model.graph.node.remove(reshape)
    model.graph.initializer.remove(next(item for item in model.graph.initializer if item.name == "rows"))
    for name in REWRITINGS:
        assert require_exact(model, name, stem.images(3)[:, None])


def test_an_image_that_two_convolutions_read_is_left_alone() -> None:
    stem = nets.digits(pool=None, activation="")
    model = nets.build(stem)
    model.graph.node.insert(3, helper.make_node("Conv", ["reshape1", "weight"], ["conv9"], "conv9", pads=[2, 2, 2, 2]))
    model.graph.node.insert(4, helper.make_node("Sub", ["conv1", "conv9"], ["sub9"], "sub9"))
    for node in model.graph.node:
        if node.op_type == "Flatten":
            node.input[0] = "sub9"
    for name in (COLUMNS, BLOCKS):
        assert not require_exact(model, name, stem.images(1))


def test_a_fixed_batch_stays_fixed() -> None:
    stem = nets.digits()
    model = nets.build(stem)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 3
    for rewriting in REWRITINGS.values():
        rewritten = rewriting(model)
        assert rewritten is not None
        require_tidy(rewritten)
        assert rewritten.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 3
        require_equal(model, rewritten, stem.images(3))


def test_constants_made_on_loading_do_not_meet_those_of_a_rewriting(tmp_path: Path) -> None:
    stem = nets.digits()
    model = nets.build(stem)
    for tensor in list(model.graph.initializer):
        model.graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], f"the {tensor.name}", value=tensor))
        model.graph.initializer.remove(tensor)
    loaded = load_source(odd.save(model, tmp_path / "model.onnx"))
    assert len(loaded.graph.initializer) == 5
    for name in REWRITINGS:
        assert require_exact(loaded, name, stem.images(3))


def test_names_that_the_package_would_give_may_be_taken() -> None:
    stem = nets.digits()
    model = nets.build(stem)
    taken = {"weight": "edgecnn_constant_1", "bias": "edgecnn_constant_2", "rows": "edgecnn_constant_3"}
    taken |= {"act1": "edgecnn_reshape_4", "cast1": "edgecnn_reshape_2", "pool1": "edgecnn_transpose_3"}
    for node in model.graph.node:
        node.input[:] = [taken.get(name, name) for name in node.input]
        node.output[:] = [taken.get(name, name) for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = taken.get(tensor.name, tensor.name)
    for name in REWRITINGS:
        assert require_exact(model, name, stem.images(3))


@pytest.mark.parametrize("name", ["conv1", "conv1_weight", "reshape1", "gemm1_bias"])
def test_the_image_may_have_a_name_that_the_package_would_give(name: str) -> None:
    stem = nets.digits()
    model = nets.build(stem)
    model.graph.input[0].name = name
    for node in model.graph.node:
        node.output[:] = [f"{node.name} result" if output == name else output for output in node.output]
        node.input[:] = [f"{name} result" if read == name else read for read in node.input]
    model.graph.node[0].input[0] = name
    for rewriting in REWRITINGS:
        assert require_exact(model, rewriting, stem.images(2))


def test_a_graph_without_convolutions_is_left_alone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), np.uint8)
    assert [name for name in REWRITINGS if require_exact(odd.linear((8, 9)), name, images[..., 0])] == []
    assert [name for name in REWRITINGS if require_exact(odd.linear((8, 9, 3)), name, images)] == []


def test_a_gemm_with_transposed_weights_keeps_its_flatten() -> None:
    stem = nets.digits()
    model = nets.build(stem)
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    head = next(item for item in model.graph.initializer if item.name == "head")
    head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head).T.copy(), "head"))
    gemm.attribute.append(helper.make_attribute("transB", 1))
    for name in REWRITINGS:
        assert require_exact(model, name, stem.images(3))


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        (nets.digits(), COLUMNS),
        (nets.digits(pool=None, strides=(2, 2)), COLUMNS),
        (nets.digits(channels=3), COLUMNS),
        (nets.digits(), BLOCKS),
        (nets.digits(pool=None, strides=(2, 2)), "channels-last"),
    ],
)
def test_int8_of_a_rewritten_graph_moves_little(stem: Stem, name: str, tmp_path: Path) -> None:
    rewritten = REWRITINGS[name](nets.with_softmax(nets.build(stem)))
    int8 = quantize_static(rewritten, calibrate(rewritten, stem.images(16), "minmax"), U8S8)
    found = nets.operators(nets.optimized(int8, tmp_path))
    assert found.count("Transpose") == (1 if name == BLOCKS else 0)  # which moves the image's bytes
    assert found.count("QLinearConv") == 1
    assert not {"Conv", "FusedConv", "Cast"}.intersection(found)
    assert found.count("QuantizeLinear") == 0


@pytest.mark.parametrize("form", [U8S8, S8S8])
@pytest.mark.parametrize("rewriting", [channels_last, space_to_depth_columns, space_to_depth_blocks])
def test_int8_of_a_rewritten_graph_answers_as_int8_does(rewriting: Any, form: Any) -> None:
    stem = nets.digits(height=20, width=20, filters=8)
    model = nets.with_softmax(nets.build(stem))
    images = stem.images(32)
    rewritten = rewriting(model)
    for each in (model, rewritten):
        assert nets.error(quantize_static(each, calibrate(each, images, "minmax"), form), model, images) < 0.3


def test_the_stems_differ() -> None:
    stems = [nets.random_stem(seed) for seed in range(SEEDS)]
    assert len({str(replace(stem, seed=0)) for stem in stems}) == SEEDS
    assert {stem.channels for stem in stems} == {1, 3}
    assert {size for stem in stems for size in stem.kernel} == set(range(1, 8))
    assert {size for stem in stems for size in stem.strides} == {1, 2, 3}
