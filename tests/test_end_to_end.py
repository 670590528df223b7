"""The whole way through by the commands a user types: examples/demo.sh, and a data set that is not MNIST."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared_fixtures import TESTS
from typer.testing import CliRunner

from edgecnn.cli import app

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]
DEMO = TESTS.parent / "examples" / "demo.sh"
TRAINING = ("--limit", "2400", "--epochs", "3", "--verbose")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("new folder")


def test_the_demo_trains_exports_benches_and_predicts(work: Path) -> None:
    """Each command has no argument but the training's size and what to write; each takes up what the last one left."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    demo, environment = ["sh", str(DEMO), "demo", *TRAINING], {**os.environ, "PATH": path}
    done = subprocess.run(demo, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(part.split("\n", maxsplit=1) for part in done.stdout.split("\n$ edgecnn ")[1:])
    trained, exported, _, predicted = said.values()
    assert "29,402 parameters, 3 epochs" in trained
    assert "Total params: 29,402" in done.stderr
    assert "next: edgecnn export --quantize\n" in done.stderr
    assert "verified on 1,000 test images of mnist" in exported
    assert "agreement with float32" in exported
    rows = {row["name"]: row for row in json.loads((work / "demo" / "bench.json").read_text())["contenders"]}
    chosen = [name for name in rows if name == "onnx-int8"]  # on a machine where int8 is not faster there is none
    assert list(rows) == ["tf-predict", "tf-call", "tf-function", "tf-xla", "onnx-float32", *chosen]
    assert rows["onnx-float32"]["agreement"] == 1
    assert min(rows[name]["agreement"] for name in rows if name.startswith("tf-")) > 0.999
    assert {rows[name]["processes"] for name in rows if name.startswith("tf-")} == {1}  # they start slowly
    assert rows["onnx-float32"]["accuracy"] == rows["tf-predict"]["accuracy"] > 0.85
    assert rows["onnx-float32"]["peak_mib"] < rows["tf-predict"]["peak_mib"]
    assert rows["onnx-float32"]["verdict"] == "faster"
    assert all(f">{name}<" in (work / "demo" / "bench.html").read_text() for name in rows)
    labels = [line.split("\t")[:2] for line in predicted.splitlines() if line.startswith("pictures/")]
    right = [Path(file).stem.partition("-")[2] == label for file, label in labels]
    assert len(right) == 11
    assert sum(right) >= 9
    assert labels[0] == ["pictures/00-7.png", "7"]


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
