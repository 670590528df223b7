"""The whole way through by the commands a user types: examples/demo.sh, and a data set that is not MNIST."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shared_fixtures import ONE_PROCESS, TESTS, path_with
from typer.testing import CliRunner

from edgecnn.bench.contender_run import STARTS_QUICKLY
from edgecnn.cli import app

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]
DEMO = TESTS.parent / "examples" / "demo.sh"
TRAINING = ("--limit", "2400", "--epochs", "3", "--verbose")
WAYS = ("tf-predict", "tf-call", "tf-function", "tf-xla")
# Two ways to call TensorFlow instead of four: tests/bench/test_bench_runners.py has all.
TWO_WAYS = f"""
from edgecnn.bench import contenders
contenders.TENSORFLOW_WAYS = ("predict", "xla")
{ONE_PROCESS}"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("new folder")


def test_the_demo_trains_exports_benches_and_predicts(work: Path, tmp_path: Path) -> None:
    """Each command has no argument but the training's size and what to write; each takes up what the last one left.

    The bench is shorter than a user's.
    """
    demonstrated(work / "demo", path_with(tmp_path, TWO_WAYS), "tf-predict", "tf-xla")


@pytest.mark.long
def test_the_demo_benches_every_way_to_call_tensorflow(work: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    rows = demonstrated(work / "whole", path, *WAYS)
    assert {rows[name]["processes"] for name in WAYS} == {1}  # they start slowly


def demonstrated(folder: Path, path: str, *ways: str) -> dict[str, Any]:
    """Run the demo with this PATH, and require of it what a user relies on. Returns a row for each contender."""
    demo, environment = ["sh", str(DEMO), folder.name, *TRAINING], {**os.environ, "PATH": path}
    done = subprocess.run(demo, cwd=folder.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(part.split("\n", maxsplit=1) for part in done.stdout.split("\n$ edgecnn ")[1:])
    trained, exported, _, predicted = said.values()
    assert "26,778 parameters, 3 epochs" in trained
    assert "Total params: 26,778" in done.stderr
    assert "next: edgecnn export --quantize\n" in done.stderr
    assert "verified on 1,000 test images of mnist" in exported
    assert "agreement with float32" in exported
    rows = {row["name"]: row for row in json.loads((folder / "bench.json").read_text())["contenders"]}
    chosen = [name for name in rows if name == "onnx-int8"]  # on a machine where int8 is not faster there is none
    assert list(rows) == [*ways, "onnx-float32", *chosen]
    assert rows["onnx-float32"]["agreement"] == 1
    assert min(rows[name]["agreement"] for name in ways) > 0.999
    assert min(rows[name]["cold_ms"] for name in ways) > 1000 * STARTS_QUICKLY
    assert rows["onnx-float32"]["accuracy"] == rows["tf-predict"]["accuracy"] > 0.85
    assert rows["onnx-float32"]["peak_mib"] < rows["tf-predict"]["peak_mib"]
    assert rows["onnx-float32"]["verdict"] == "faster"
    assert all(f">{name}<" in (folder / "bench.html").read_text() for name in rows)
    labels = [line.split("\t")[:2] for line in predicted.splitlines() if line.startswith("pictures/")]
    right = [Path(file).stem.partition("-")[2] == label for file, label in labels]
    assert len(right) == 11
    assert sum(right) >= 9
    assert labels[0] == ["pictures/00-7.png", "7"]
    return rows


@pytest.mark.long
def test_fashion_mnist_trains_by_its_folder(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's dataset-fashion-mnist has the same form as MNIST; FASHION_MNIST names its folder."""
    folder = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
    if not folder.is_dir():
        pytest.skip("Fashion-MNIST is not here: apt-get install dataset-fashion-mnist")
    monkeypatch.chdir(work)
    options = ["--limit", "2400", "--epochs", "2", "--out", "fashion", "--json"]
    trained = CliRunner().invoke(app, ["train", "--data", str(folder), *options])
    assert json.loads(trained.stdout)["test"]["value"] > 0.6
    exported = CliRunner().invoke(app, ["export", "fashion"])
    assert exported.exit_code == 0, exported.output
