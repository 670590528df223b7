"""What an emulated Raspberry Pi answers is what this machine answers; and how the two are compared."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier

INSTRUCTION_SETS = {"cortex-a72": ["NEON"], "cortex-a76": ["NEON", "dotprod"]}
HERE = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.float32)
THERE = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]], np.float32)


@pytest.fixture(scope="module")
def arm64() -> ModuleType:
    return importlib.import_module("benchmarks.devices.arm64")


@pytest.mark.slow
@pytest.mark.parametrize("cpu", [pytest.param("cortex-a72", marks=pytest.mark.long), "cortex-a76"])
def test_a_pi_labels_digits_as_this_machine_does(
    cpu: str, arm64: ModuleType, emulator: ModuleType, mnist: Dataset, tiny: Path, tmp_path: Path
) -> None:
    images = mnist.test.images[:20]
    np.save(tmp_path / "images.npy", images)
    here = Classifier(tiny, threads=1).predict(images)
    answers = arm64.emulated(tiny, cpu, here, tmp_path)
    assert (answers["differ"], answers["labels"]) == (0, arm64.digits(here))
    assert answers["max_difference"] < 1e-5
    assert answers["instruction_sets"] == INSTRUCTION_SETS[cpu]


def test_answers_agree_where_the_likeliest_class_is_the_same(arm64: ModuleType) -> None:
    found = arm64.compared(HERE, THERE)
    assert (found["agreement"], found["differ"], found["max_difference"]) == (0.75, 1, pytest.approx(0.2))
    assert (arm64.digits(HERE), arm64.digits(THERE)) == ("0101", "0111")


def test_the_table_has_a_row_for_each_emulated_cpu(arm64: ModuleType) -> None:
    row = {"model": "edge", "file": "model.onnx", "images": 4, "epochs": 20}
    emulated = dict.fromkeys(INSTRUCTION_SETS, arm64.compared(HERE, THERE))
    lines = arm64.table_of([{**row, "emulated": emulated}]).splitlines()
    assert lines[2:4] == [
        "| `edge` | `model.onnx` | 20 | cortex-a72 | 75.00% of 4 | 1 | 0.2 |",
        "| `edge` | `model.onnx` | 20 | cortex-a76 | 75.00% of 4 | 1 | 0.2 |",
    ]


def test_arguments_are_files_folders_of_them_or_networks(arm64: ModuleType, tmp_path: Path) -> None:
    for name in ("model.onnx", "model.int8.onnx", "card.json"):
        (tmp_path / name).touch()
    assert [path.name for path in arm64.meant(str(tmp_path))] == ["model.int8.onnx", "model.onnx"]
    assert arm64.meant(str(tmp_path / "model.onnx")) == [tmp_path / "model.onnx"]
    (shipped,) = arm64.meant("nano")
    assert (shipped.parent.name, shipped.name) == ("nano", "model.int8.arm64.onnx")
