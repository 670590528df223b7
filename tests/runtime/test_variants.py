"""Which file of a model folder runs on which processor, by what was measured and by rule."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn import Classifier
from edgecnn.errors import ModelError
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.host import machine
from edgecnn.runtime import variants, verdicts
from edgecnn.runtime.metadata import read_metadata
from edgecnn.runtime.variants import choose
from edgecnn.runtime.verdicts import Measured, Verdict, keep, recall

Processor = Callable[[str, str], None]
VERDICT = Verdict(
    "model.onnx",
    {
        "model.onnx": Measured((10.0, 11.0), 1.0, 1.0, 1.0),
        "model.int8.onnx": Measured((20.0, 22.0), 2.0, 1.9, 2.1),
    },
    "a laptop",
    "1.32.0",
    "2026-01-01T00:00:00+00:00",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edgecnn"


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Processor:
    """Be another kind of processor, with these instructions for 8-bit products."""

    def become(kind: str, instructions: str) -> None:
        monkeypatch.setattr(machine, "architecture", lambda: kind)
        monkeypatch.setattr(machine, "int8_instructions", lambda: instructions)

    return become


@pytest.fixture
def edge(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_MODELS / "edge", tmp_path / "edge"))


@pytest.mark.parametrize(
    ("kind", "instructions", "model", "file"),
    [
        ("x86-64", "AVX-512 VNNI", "edge", "model.int8.onnx"),
        ("x86-64", "AVX-512 VNNI", "accurate", "model.int8.onnx"),
        ("x86-64", "AVX-512 VNNI", "nano", "model.int8.onnx"),
        ("x86-64", "", "edge", "model.onnx"),
        ("arm64", "dotprod", "edge", "model.int8.arm64.onnx"),
        ("arm64", "", "edge", "model.onnx"),
        ("riscv64", "", "accurate", "model.onnx"),
    ],
)
def test_until_it_is_measured_rules_choose(
    processor: Processor, kind: str, instructions: str, model: str, file: str
) -> None:
    processor(kind, instructions)
    found = choose(model)
    assert found.path.resolve() == (SHIPPED_MODELS / model / file).resolve()
    assert "'edgecnn tune' measures it" in found.why
    assert str(found.path) in (found.note or "")


def test_a_network_smaller_than_any_that_was_measured_runs_in_float32(
    processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor("x86-64", "AVX-512 VNNI")
    monkeypatch.setattr(variants, "FEWEST_MACS", 1_000_000)
    found = choose("nano")
    assert (found.path.name, "network this small" in found.why) == ("model.onnx", True)


def test_a_verdict_comes_before_rules(edge: Path, processor: Processor) -> None:
    processor("x86-64", "AVX-512 VNNI")
    files = variants.variants(edge)
    assert [path.name for path in files] == ["model.onnx", "model.int8.onnx"]
    keep(files, VERDICT)
    classifier = Classifier(edge)
    assert classifier.path == edge / "model.onnx"
    assert "measured here, 2.00 (1.90 to 2.10) times as fast as model.int8.onnx" in classifier.notes[0]
    assert choose(str(edge)).others == (edge / "model.int8.onnx",)


def test_a_file_that_is_named_is_opened(edge: Path, processor: Processor) -> None:
    processor("x86-64", "AVX-512 VNNI")
    keep(variants.variants(edge), VERDICT)
    for name in ("model.onnx", "model.int8.onnx", "model.int8.arm64.onnx"):
        assert choose(edge / name) == variants.Choice(edge / name)
        assert Classifier(edge / name).path.name == name


def test_a_verdict_is_of_these_files_this_host_and_this_onnxruntime(
    edge: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor("x86-64", "")
    files = variants.variants(edge)
    keep(files, VERDICT)
    assert recall(files) == VERDICT
    with monkeypatch.context() as other:
        other.setattr(verdicts, "fingerprint", lambda: "another")
        assert recall(files) is None
    with monkeypatch.context() as other:
        other.setattr("onnxruntime.__version__", "9.9.9")
        assert recall(files) is None
    shutil.copy(SHIPPED_MODELS / "nano" / "model.onnx", edge / "model.onnx")
    assert recall(files) is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        "null",
        json.dumps({"chosen": "../../other.onnx"}),
        VERDICT.to_json().replace('"model.onnx"', '"other.onnx"'),
        VERDICT.to_json().replace("10.0", "NaN"),
        VERDICT.to_json().replace("10.0", '"ten"'),
        VERDICT.to_json().replace('"chosen": "model.onnx"', '"chosen": ["model.onnx"]'),
        "9" * 3_000_000,
    ],
)
def test_a_damaged_verdict_counts_as_none(edge: Path, processor: Processor, damage: str) -> None:
    processor("x86-64", "")
    files = variants.variants(edge)
    keep(files, VERDICT).write_text(damage)
    assert recall(files) is None
    assert "'edgecnn tune' measures it" in choose(edge).why


def test_what_was_measured_while_quantizing_comes_before_rules(
    edge: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder that `export --quantize` wrote on this very machine."""
    processor("x86-64", "")
    known = read_metadata(edge / "model.int8.onnx")
    rows = [{"name": "the best", "speedup": [1.5, 1.4, 1.6]}]
    made_here = replace(
        known,
        settings={machine.fingerprint(): {}},
        decision={"chosen": "the best", "reason": "", "candidates": rows},
    )
    monkeypatch.setattr(variants, "read_metadata", lambda _: made_here)
    found = choose(edge)
    assert found.path == edge / "model.int8.onnx"
    assert "measured here when it was quantized, 1.50 (1.40 to 1.60) times" in found.why
    rows[0]["speedup"] = [0.5, 0.4, 0.6]  # by name, also a slower one is written
    assert choose(edge).path == edge / "model.onnx"
    rows[0]["speedup"] = [1.0, 0.9, 1.1]
    assert "usually" in choose(edge).why


def test_a_folder_of_one_file_has_no_choice(edge: Path, processor: Processor) -> None:
    processor("x86-64", "")
    (edge / "model.onnx").unlink()
    assert choose(edge).path == edge / "model.int8.onnx"
    assert Classifier(edge).notes == ()
    (edge / "model.int8.onnx").unlink()
    with pytest.raises(ModelError, match=r"holds no model\.onnx"):  # the file of other processors is none of this one's
        choose(edge)
