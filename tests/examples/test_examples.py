"""Every program under examples/ does what it says, run as a user runs it; test_end_to_end.py runs demo.sh."""

import csv
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_fixtures import ONE_PROCESS, Run, path_with, run

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS, ModelFolder

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PROGRAMS = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh"))


@pytest.fixture(scope="session")
def python() -> Run:
    return partial(run, [sys.executable])


@pytest.fixture
def own_data(mnist: Dataset, tmp_path: Path) -> Path:
    """Digits 0 to 3 as somebody's own data: 1,000 images to train with, 200 to test."""
    arrays: dict[str, Any] = {}
    for name, split, count in (("train", mnist.train, 1000), ("test", mnist.test, 200)):
        chosen = np.flatnonzero(split.labels < 4)[:count]
        arrays |= {f"x_{name}": split.images[chosen], f"y_{name}": split.labels[chosen]}
    np.savez(tmp_path / "own.npz", **arrays)
    return tmp_path / "own.npz"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_list_names_every_program_and_its_first_lines_say_how_to_call_it(name: str) -> None:
    assert f"]({name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    first = (EXAMPLES / name).read_text(encoding="utf-8").partition("\n\n")[0]
    assert f"{'sh' if name.endswith('.sh') else 'python'} {name} " in first


def test_a_folder_of_pictures_becomes_a_csv_file(python: Run, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    assert python(EXAMPLES / "pictures.py", folder).returncode == 0
    (folder / "notes.png").write_text("not a picture")
    done = python(EXAMPLES / "classify_folder.py", folder, "labels.csv", "nano", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *rows, last = csv.DictReader((tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines())
    names = [path.name for path in sorted(folder.iterdir())]
    assert [row["file"] for row in [*rows, last]] == names
    assert len(rows) == 11
    right = [row["label"] == Path(row["file"]).stem.partition("-")[2] for row in rows]
    assert sum(right) >= 10
    assert (last["label"], last["probability"]) == ("", "")
    assert "notes.png" in last["problem"]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_keras_model_of_ones_own_is_trained_and_exported(python: Run, own_data: Path, tmp_path: Path) -> None:
    done = python(EXAMPLES / "export_own_model.py", own_data, "own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = ModelFolder(tmp_path / "own")
    card = folder.card()
    assert card is not None
    assert card.labels == ("0", "1", "2", "3")
    assert folder.keras.exists()
    assert folder.onnx("float32").exists()
    *_, line = done.stdout.splitlines()
    assert float(line.removeprefix("test accuracy ").partition("%")[0]) > 90


@pytest.mark.slow
def test_a_model_is_quantized_where_there_is_no_tensorflow(pi_python: Run, tmp_path: Path, few_digits: Path) -> None:
    model = shutil.copy(SHIPPED_MODELS / "nano" / "model.onnx", tmp_path / "mine.onnx")
    refused = pi_python("-c", "import tensorflow")
    assert "No module named 'tensorflow'" in refused.stderr
    done = pi_python(EXAMPLES / "quantize_on_device.py", model, "here", few_digits, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *candidates, verdict, _ = done.stdout.splitlines()
    assert sum(" times as fast, " in line for line in candidates) == len(candidates) > 5
    path = tmp_path / verdict.partition(" is the file to use: ")[0]
    assert path in (tmp_path / "here" / "model.int8.onnx", tmp_path / "here" / "model.onnx")
    assert path.exists()


@pytest.fixture
def gate(tmp_path: Path) -> Run:
    """gate_ci.sh with the environment's commands on the PATH, but for ONE_PROCESS."""
    path = path_with(tmp_path, ONE_PROCESS)
    return partial(run, ["sh", str(EXAMPLES / "gate_ci.sh")], cwd=tmp_path, PATH=path)


@pytest.mark.slow
def test_a_job_passes_or_fails_by_latency_and_accuracy(gate: Run, tiny: Path, tmp_path: Path) -> None:
    model = shutil.copy(tiny, tmp_path / "model.onnx")
    passed = gate("model.onnx", "100000", "50%")
    assert (passed.returncode, passed.stdout.splitlines()[-1]) == (0, f"pass: {Path(model).name}"), passed.stderr
    assert (tmp_path / "bench.json").exists()
    failed = gate("model.onnx", "0.001", "99.99%")
    assert failed.returncode == 3
    assert failed.stdout.splitlines()[-1].startswith("fail: model.onnx")
    assert all(f"onnx-float32.{figure}" in failed.stderr for figure in ("p90_us > 0.001", "accuracy < 99.99%"))


def test_a_model_that_cannot_be_measured_is_neither_passed_nor_failed(gate: Run) -> None:
    done = gate("nosuch")
    assert done.returncode not in (0, 3)
    assert done.stdout == "error: nosuch could not be measured\n"
