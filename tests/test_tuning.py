"""Tuning: the fastest file of a folder runs from then on, in every command and in Python."""

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image
from shared_fixtures import Run

import edgecnn as package
from edgecnn.bulk.worker import Task
from edgecnn.data import Dataset
from edgecnn.errors import ModelError, OutputError
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.readings import Wanted
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve.models import opened
from edgecnn.tuning import tune


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """A folder whose int8 file is certainly slower than its float32 file."""
    folder = tmp_path / "models" / "uneven"
    folder.mkdir(parents=True)
    shutil.copy(SHIPPED_MODELS / "nano" / "model.onnx", folder / "model.onnx")
    shutil.copy(SHIPPED_MODELS / "accurate" / "model.onnx", folder / "model.int8.onnx")
    return folder


def test_the_fastest_file_runs_from_then_on(uneven: Path, cache: Path) -> None:
    done = tune(uneven, openings=5)
    assert done.choice.path == uneven / "model.onnx"
    assert done.verdict
    slower = done.verdict.files["model.int8.onnx"]
    assert slower.low > 1
    assert len(slower.rounds_us) == 5
    assert done.kept
    assert done.kept.is_relative_to(cache / "edgecnn")
    assert Classifier(uneven).path == uneven / "model.onnx"
    assert opened("a", str(uneven)).classifier.path == uneven / "model.onnx"  # as it is served
    with_csv = Task(str(uneven), None, Wanted())
    assert with_csv.open().path == uneven / "model.onnx"
    assert with_csv.identity.startswith("uneven/model.onnx ")
    swapped = uneven.with_name("swapped")
    swapped.mkdir()
    shutil.copy(uneven / "model.onnx", swapped / "model.int8.onnx")
    shutil.copy(uneven / "model.int8.onnx", swapped / "model.onnx")
    assert package.tune(swapped, openings=5).choice.path == swapped / "model.int8.onnx"
    assert Classifier(swapped).path == swapped / "model.int8.onnx"


def test_one_file_is_not_measured(uneven: Path) -> None:
    (uneven / "model.int8.onnx").unlink()
    done = tune(uneven)
    assert (done.choice.path, done.verdict, done.kept) == (uneven / "model.onnx", None, None)
    with pytest.raises(ModelError, match="give its model folder"):
        tune(uneven / "model.onnx")


def test_what_cannot_be_opened_or_kept_is_told(uneven: Path, cache: Path) -> None:
    cache.write_text("a file where the folder would be")
    with pytest.raises(OutputError, match="cannot write"):
        tune(uneven, openings=1)
    (uneven / "model.int8.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"model\.int8\.onnx"):
        tune(uneven, openings=1)


@pytest.mark.slow
def test_every_command_runs_the_tuned_file(
    edgecnn: Run, uneven: Path, tmp_path: Path, mnist: Dataset, cache: Path
) -> None:
    Image.fromarray(mnist.test.images[0]).save(tmp_path / "seven.png")
    where = {"cwd": tmp_path, "XDG_CACHE_HOME": str(cache)}
    tuned = edgecnn("tune", "uneven", "--json", **where)
    assert tuned.returncode == 0, tuned.stderr
    found = json.loads(tuned.stdout)
    assert found["path"] == os.path.join("models", "uneven", "model.onnx")  # noqa: PTH118 (as a path is printed)
    assert found["verdict"]["chosen"] == "model.onnx"
    for more in ([], ["--csv", "table.csv"]):
        done = edgecnn("predict", "seven.png", "--model", "uneven", *more, **where)
        assert "this runs models/uneven/model.onnx: measured here" in done.stderr
    assert "uneven/model.onnx" in (tmp_path / "table.csv").read_text()
    one = json.loads(edgecnn("predict", "seven.png", "--model", "uneven", "--json", **where).stdout)[0]
    assert one["model"] == "models/uneven/model.onnx"
    float32, int8 = json.loads(edgecnn("info", "uneven", "--json", **where).stdout)
    assert "measured here" in float32["chosen"]
    assert int8["chosen"] is None
    assert "runs here       measured here" in edgecnn("info", "uneven", **where).stdout
