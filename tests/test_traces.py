"""What commands write and whom they call, as the operating system sees it: nothing but what they were asked to."""

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
import tracing
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.folder import ModelFolder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an empty home, an empty folder for temporary files and one to work in."""
    if not tracing.can_trace(tmp_path):
        pytest.skip("there is no strace here that may trace: apt-get install strace")
    for name in ("home", "temporary", "work"):
        (tmp_path / name).mkdir()
    return tmp_path


def run(place: Path, *arguments: str | Path, programs: Collection[str] = ()) -> None:
    """Run a command in the folder `work`: it writes nothing outside, starts no other `programs`, and calls nobody."""
    command = [*tracing.command(place / "trace"), sys.executable, "-m", "edgecnn", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=place / "work", env=tracing.environment(place), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    calls = list(tracing.calls(place / "trace"))
    written = tracing.written(calls, place / "work")
    assert tracing.reached(calls) == []
    allowed = [place / "work", place / "temporary", place / "home" / ".cache"]
    assert {path for path in written if not any(path.is_relative_to(folder) for folder in allowed)} == set()
    assert any(path.is_relative_to(place) for path in written), "nothing was traced"
    assert {Path(program).name for program in tracing.executed(calls)} <= {Path(sys.executable).name, *programs}
    assert list((place / "temporary").iterdir()) == []
    left = [path for path in (place / "home").rglob("*") if not path.is_relative_to(place / "home" / ".cache")]
    assert left == []


def test_predict_writes_nothing_and_calls_nobody(place: Path, tiny: Path, mnist: Dataset) -> None:
    Image.fromarray(mnist.test.images[0]).save(place / "work" / "seven.png")
    run(place, "predict", "seven.png", "--model", tiny)
    assert not (place / "home" / ".cache").exists()


@pytest.mark.long
@pytest.mark.slow
def test_a_bench_writes_its_report_and_calls_nobody(place: Path, tiny: Path) -> None:
    shutil.copy(tiny, place / "work" / "tiny.onnx")
    """In OpenVINO: onnxruntime is traced as `predict` runs it."""
    options = ("--runtime", "openvino", "--duration", "0.1", "--json", "bench.json", "--data", "mnist")
    run(place, "bench", "tiny.onnx", *options)
    assert sorted(path.name for path in (place / "work").iterdir()) == ["bench.json", "tiny.onnx"]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_an_export_writes_its_folder_and_calls_nobody(place: Path, exported: ModelFolder) -> None:
    # Keras imports matplotlib, which asks the system for its fonts.
    run(place, "export", exported.keras, "--out", "new", programs=("fc-list", "uname"))
    assert (place / "work" / "new" / "model.onnx").exists()
    assert [path.name for path in (place / "work").iterdir()] == ["new"]
