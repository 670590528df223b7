"""Which files need exact products of 8-bit values is read off their graphs, and every processor answers right."""

from pathlib import Path
from typing import Any

import little_nets as nets
import numpy as np
import odd_models as odd
import onnx
import pytest
from onnx import helper, numpy_helper

from edgecnn.host import machine as host_machine
from edgecnn.quantizing.quantizers import calibrate, dynamic, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8, U8S8_REDUCED, Int8
from edgecnn.runtime import arithmetic
from edgecnn.runtime.arithmetic import needs_exact_products, notes
from edgecnn.runtime.classifier import EXACT_INT8, Classifier, session_options
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.settings import Settings

STEM = nets.digits(height=16, width=16)
PLAIN = ModelMetadata()
FOR_ARM64 = ModelMetadata(quantization={"scheme": "static", "target": "arm64"})
FOR_X86_64 = ModelMetadata(quantization={"scheme": "static", "target": "x86-64"})


def float32() -> Any:
    return nets.two_convolutions(STEM)


def static(form: Int8 = U8S8) -> Any:
    source = float32()
    return quantize_static(source, calibrate(source, STEM.images(16), "minmax"), form)


def wide(number: int) -> Any:
    """An int8 model whose weights reach no further than `number`, written as packed numbers, not as bytes."""
    model = static(U8S8_REDUCED)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1:
            values = np.clip(numpy_helper.to_array(tensor).astype(int), -5, 5)
            values.flat[-1] = number
            tensor.CopyFrom(helper.make_tensor(tensor.name, tensor.data_type, tensor.dims, values.ravel().tolist()))
            assert not tensor.raw_data
    return model


def in_nodes() -> Any:
    """Weights in Constant nodes, as some exporters leave them."""
    model = static()
    made = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer]
    nodes = [*made, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def weights_only() -> Any:
    """Weights in int8, arithmetic in float32."""
    model = float32()
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "weight2")
    stored = numpy_helper.from_array(np.full(weight.dims, 100, np.int8), "stored")
    model.graph.initializer.remove(weight)
    model.graph.initializer.extend([stored, numpy_helper.from_array(np.float32(0.01), "scale")])
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", ["stored", "scale"], ["weight2"]))
    return model


def dynamic_int8(folder: Path) -> Any:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    odd.save(float32(), folder / "source.onnx")
    quantize_dynamic(folder / "source.onnx", folder / "made.onnx", weight_type=QuantType.QInt8)
    return onnx.load(folder / "made.onnx")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _: float32(), False),
        (lambda _: static(U8S8), True),
        (lambda _: static(S8S8), True),
        (lambda _: static(U8S8_REDUCED), False),
        (lambda folder: helper.make_model(nets.optimized(static(), folder)), True),
        (lambda folder: helper.make_model(nets.optimized(static(U8S8_REDUCED), folder)), False),
        (lambda _: dynamic(float32()), False),  # uint8 weights have exact kernels everywhere
        (dynamic_int8, True),
        (lambda _: in_nodes(), True),
        (lambda _: weights_only(), False),
        (lambda _: wide(64), False),
        (lambda _: wide(65), True),
        (lambda _: wide(-64), False),
        (lambda _: wide(-65), True),
        (lambda _: wide(-128), True),
    ],
)
def test_the_graph_tells_what_a_file_needs(make: Any, expected: bool, tmp_path: Path) -> None:
    path = odd.save(make(tmp_path), tmp_path / "model.onnx")
    assert needs_exact_products(path) == expected


def test_what_is_not_an_onnx_file_needs_nothing(tmp_path: Path) -> None:
    whole = odd.save(static(), tmp_path / "model.onnx").read_bytes()
    for name, content in {"empty": b"", "text": b"not a model", "cut": whole[: len(whole) // 2]}.items():
        (tmp_path / name).write_bytes(content)
        assert not needs_exact_products(tmp_path / name)
    assert not needs_exact_products(tmp_path / "nowhere.onnx")


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", {"avx2", "avx512_vnni"}, True),
        ("AMD64", {"avx2", "avx_vnni"}, True),
        ("x86_64", {"avx2", "avx512f"}, False),
        ("x86_64", set(), False),  # a system that does not tell
        ("aarch64", {"asimd"}, True),
        ("arm64", set(), True),
    ],
)
def test_which_processors_multiply_exactly(
    machine: str, flags: set[str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(host_machine, "cpu_flags", lambda _: frozenset(flags))
    assert host_machine.multiplies_int8_exactly() == expected


@pytest.mark.parametrize("exact", [True, False])
def test_a_processor_that_saturates_takes_the_exact_way(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_machine, "multiplies_int8_exactly", lambda: exact)
    options = session_options(Settings())
    if exact:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(EXACT_INT8)
    else:
        assert options.get_session_config_entry(EXACT_INT8) == "1"


def test_the_exact_way_answers_as_float32_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_machine, "multiplies_int8_exactly", lambda: False)
    path, images = odd.save(static(), tmp_path / "model.onnx"), STEM.images(64)
    expected = nets.run(float32(), images)
    assert np.abs(Classifier(path).predict(images) - expected).max() < 0.3 * expected.std(axis=0).max()


def test_notes_say_what_does_not_suit_this_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = odd.save(static(U8S8_REDUCED), tmp_path / "narrow.onnx")
    full = odd.save(static(U8S8), tmp_path / "full.onnx")

    def said(path: Path, metadata: ModelMetadata, architecture: str, exact: bool) -> tuple[str, ...]:
        monkeypatch.setattr(arithmetic, "architecture", lambda: architecture)
        monkeypatch.setattr(arithmetic, "multiplies_int8_exactly", lambda: exact)
        return notes(path, metadata)

    assert said(full, PLAIN, "x86-64", True) == said(narrow, FOR_X86_64, "x86-64", False) == ()
    assert said(full, FOR_ARM64, "arm64", True) == ()
    [slow] = said(full, PLAIN, "x86-64", False)
    assert "full.onnx has 8-bit weights" in slow
    assert "--target any" in slow
    for other, here in ((FOR_ARM64, "x86-64"), (FOR_X86_64, "arm64")):
        [foreign] = said(full, other, here, True)
        assert f"runs slower than necessary on {here}" in foreign
    targets: tuple[object, ...] = (5, None, [], "any", "host")
    for target in targets:
        assert said(full, ModelMetadata(quantization={"target": target}), "x86-64", True) == ()
