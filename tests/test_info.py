"""What is told of a model file, with and without edgecnn's own metadata."""

import json
import shutil
import sys
from pathlib import Path

import odd_models as odd
import onnx
import pytest

from edgecnn.errors import ModelError
from edgecnn.info import inspect
from edgecnn.quantizing.quantizers import dynamic


def test_a_file_of_edgecnns_own_is_described_by_its_metadata(tiny: Path) -> None:
    (info,) = inspect(tiny)
    assert (info.path, info.bytes, info.precision) == (tiny, tiny.stat().st_size, "float32")
    assert info.input == "image: uint8 [batch, 28, 28], 0 to 255"
    assert info.output == "probabilities: float32 [batch, 10]"
    assert info.labels == tuple("0123456789")
    assert info.metadata["dataset"]["name"] == "mnist"
    assert info.metadata["accuracy"]["images"] == 10_000
    assert info.metadata["name"] == "tiny"
    # Eight 3×3 filters, then 8 × 7 × 7 features to ten classes.
    assert info.graph["parameters"] == 8 * 9 + 392 * 10 + 10
    assert info.graph["macs"] == 8 * 28 * 28 * 9 + 392 * 10
    assert (info.graph["opset"], info.graph["ir_version"]) == (17, 8)
    assert "graph" not in info.metadata


def test_what_the_file_says_of_its_graph_is_what_its_graph_is(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny)
    del model.metadata_props[:]
    (bare,), (own,) = inspect(odd.save(model, tmp_path / "bare.onnx")), inspect(tiny)
    assert bare.metadata == {}
    assert bare.graph == own.graph


@pytest.mark.parametrize("graph", ["torch_jit", "[1, 2]", '{"nodes": 12}', '"text"', "null", ""])
def test_another_tools_entry_called_graph_is_not_taken_for_a_description(graph: str, tmp_path: Path) -> None:
    (info,) = inspect(odd.save(odd.linear(metadata={"graph": graph}), tmp_path / "odd.onnx"))
    assert (info.graph["parameters"], info.graph["macs"]) == (7840, 7840)


def test_entries_of_another_tool_are_shown_as_they_are(tmp_path: Path) -> None:
    entries = {"author": "someone", "broken": "[1, 2", "sizes": "[28, 28]", "empty": ""}
    (info,) = inspect(odd.save(odd.linear(metadata=entries), tmp_path / "odd.onnx"))
    assert info.metadata == entries


def test_open_shapes_are_told(tmp_path: Path) -> None:
    (info,) = inspect(odd.save(odd.linear((None, "w", 1), "float32"), tmp_path / "odd.onnx"))
    assert info.input == "image: float32 [batch, any, any, 1], 0 to 1"


def test_a_folder_is_described_file_by_file(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "model.onnx")
    odd.save(dynamic(onnx.load(tiny)), tmp_path / "model.dynamic.onnx")
    assert [item.path.name for item in inspect(tmp_path)] == ["model.onnx", "model.dynamic.onnx"]


@pytest.mark.parametrize(
    ("details", "precision"),
    [
        ({"scheme": "static", "activations": "uint8", "weights": "int8"}, "static int8 U8S8"),
        ({"scheme": "dynamic", "weights": "uint8"}, "dynamic int8 U8U8"),
        ({"scheme": "float16"}, "float16"),
    ],
)
def test_the_precision_is_what_the_file_says(details: dict[str, str], precision: str, tmp_path: Path) -> None:
    path = odd.save(odd.linear(metadata={"quantization": json.dumps(details)}), tmp_path / "odd.onnx")
    assert [item.precision for item in inspect(path)] == [precision]


def test_the_precision_of_another_tools_file_follows_from_its_operators(tiny: Path, tmp_path: Path) -> None:
    model = dynamic(onnx.load(tiny))
    del model.metadata_props[:]
    assert [item.precision for item in inspect(odd.save(model, tmp_path / "bare.onnx"))] == ["int8"]


def quantized(path: Path) -> Path:
    """A file that says it is quantized."""
    details = {"scheme": "static", "activations": "uint8", "weights": "int8"}
    return odd.save(odd.linear(metadata={"quantization": json.dumps(details)}), path)


def test_coverage_is_of_quantized_files_only(tiny: Path, tmp_path: Path) -> None:
    (plain,), (small,) = inspect(tiny), inspect(quantized(tmp_path / "small.onnx"))
    assert plain.coverage is None
    assert small.coverage is not None
    assert [node.operator for node in small.coverage.nodes] == ["Cast", "Flatten", "Gemm", "Softmax"]
    assert small.coverage.int8_macs == 0  # it only says that it is


def test_without_onnx_all_but_the_coverage_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = quantized(tmp_path / "small.onnx")
    graph = {"opset": 17, "ir_version": 8, "operators": {"Gemm": 1}, "parameters": 7840, "macs": 7840}
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"graph": json.dumps(graph), "quantization": '{"scheme": "float16"}'})
    odd.save(model, path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    (info,) = inspect(path)
    assert (info.precision, info.graph, info.coverage) == ("float16", graph, None)


@pytest.mark.parametrize("name", ["model.keras", "."])
def test_what_is_no_onnx_model_says_what_to_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"holds no ONNX model: run 'edgecnn export"):
        inspect(tmp_path / name)


def test_a_damaged_file_is_named(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(tiny.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"bad\.onnx .* truncated"):
        inspect(tmp_path / "bad.onnx")


DAMAGED = [
    ("labels", '["\\ud800", "1"]'),
    ("labels", "[" * 100_000),
    ("labels", '{"0": "a"}'),
    ("quantization", '{"scheme": "static", "weights": NaN}'),
    ("quantization", '["static"]'),
    ("decision", '{"chosen": "a", "reason": "b", "candidates": [], "speed": 1e999}'),
    ("decision", '{"chosen": "a", "reason": "b", "candidates": null}'),
    ("graph", '{"opset": 17, "ir_version": 8, "operators": [], "parameters": 1, "macs": null}'),
    ("dataset", "1"),
    ("settings", "-Infinity"),
    ("versions", '{"a": "\\udcff"}'),
    ("accuracy", '{"split": "test", "correct": 2, "images": 1}'),
]


@pytest.mark.parametrize(("key", "text"), DAMAGED)
def test_a_damaged_entry_of_ours_is_one_line_and_one_of_another_tool_is_ignored(
    key: str, text: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=rf"odd\.onnx has a damaged entry edgecnn\.{key}: export it again"):
        inspect(odd.save(odd.linear(metadata={f"edgecnn.{key}": text}), tmp_path / "odd.onnx"))
    (info,) = inspect(odd.save(odd.linear(metadata={key: text}), tmp_path / "odd.onnx"))
    assert info.metadata[key] == text
    assert info.labels == tuple("0123456789")
    assert info.precision == "float32"
    # What is told can be written as JSON, and read by other programs.
    assert json.loads(json.dumps(info.metadata, ensure_ascii=False, allow_nan=False).encode()) == info.metadata


def test_an_entry_of_another_tool_does_not_hide_ours(tmp_path: Path) -> None:
    ours = {"chosen": "a", "reason": "b", "candidates": []}
    entries = {"edgecnn.decision": json.dumps(ours), "decision": "of another tool"}
    (info,) = inspect(odd.save(odd.linear(metadata=entries), tmp_path / "odd.onnx"))
    assert info.metadata["decision"] == ours
