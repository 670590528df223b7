"""The whole way through by the commands a user types, each with no argument but the training's size."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image
from shared_fixtures import Run

from edgecnn.data import Dataset


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty folder")


def test_train_export_bench_predict(edgecnn: Run, work: Path, mnist: Dataset) -> None:
    trained = edgecnn("train", "--limit", "3600", "--epochs", "3", "--verbose", cwd=work)
    assert trained.returncode == 0, trained.stderr
    assert "29,402 parameters, 3 epochs" in trained.stdout
    assert "Total params: 29,402" in trained.stderr
    assert trained.stderr.endswith("next: edgecnn export --quantize\n")
    exported = edgecnn("export", "--quantize", cwd=work)
    assert exported.returncode == 0, exported.stderr
    assert "verified on 1,000 test images of mnist" in exported.stdout
    assert "agreement with float32" in exported.stdout
    options = ("--runtime", "tensorflow", "--runtime", "onnxruntime", "--duration", "0.1")
    benched = edgecnn("bench", *options, "--json", "bench.json", "--html", "bench.html", cwd=work)
    assert benched.returncode == 0, benched.stderr
    rows = {row["name"]: row for row in json.loads((work / "bench.json").read_text())["contenders"]}
    assert list(rows) == ["tf-predict", "tf-call", "tf-function", "tf-xla", "onnx-float32", "onnx-int8"]
    assert rows["onnx-float32"]["agreement"] == 1
    assert rows["onnx-float32"]["accuracy"] == rows["tf-predict"]["accuracy"] > 0.85
    assert rows["onnx-float32"]["peak_mib"] < rows["tf-predict"]["peak_mib"]
    assert rows["onnx-float32"]["verdict"] == "faster"
    assert all(f">{name}<" in (work / "bench.html").read_text() for name in rows)
    Image.fromarray(mnist.test.images[0]).save(work / "seven.png")
    predicted = edgecnn("predict", "seven.png", cwd=work)
    assert predicted.stdout.split("\t")[:2] == ["seven.png", "7"]


def test_fashion_mnist_trains_by_its_folder(edgecnn: Run, work: Path) -> None:
    """Debian's dataset-fashion-mnist has the same form as MNIST; FASHION_MNIST names its folder."""
    folder = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
    if not folder.is_dir():
        pytest.skip("Fashion-MNIST is not here: apt-get install dataset-fashion-mnist")
    done = edgecnn(
        "train", "--data", folder, "--limit", "3600", "--epochs", "2", "--out", "fashion", "--json", cwd=work
    )
    card = json.loads(done.stdout)
    assert card["test"]["value"] > 0.6
    assert edgecnn("export", "fashion", cwd=work).returncode == 0
