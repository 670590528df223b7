"""What tests share: real MNIST, one small trained and exported model, and one import of TensorFlow."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgecnn.data import Dataset, load
from edgecnn.folder import ModelFolder

TESTS = Path(__file__).parent
TINY = TESTS / "models" / "tiny.onnx"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load()


@pytest.fixture(scope="session")
def small_mnist() -> Dataset:
    """2,400 training images: 2,200 and 200 for validation."""
    return load(limit=2400)


@pytest.fixture(scope="session")
def tiny() -> Path:
    """The checked-in ONNX model that make_tiny.py builds: uint8 [batch, 28, 28], ten digits."""
    return TINY


@pytest.fixture(scope="session")
def edgecnn() -> Run:
    """Run the command line in a process of its own: edgecnn("predict", "a.png", cwd=folder)."""

    def run(
        *arguments: str | Path, cwd: Path | None = None, text: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgecnn", *map(str, arguments)],
            cwd=cwd,
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, **environment},
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, small_mnist: Dataset) -> ModelFolder:
    """A model folder of the default recipe, trained for three short epochs, exported and quantised. Do not change it."""
    from edgecnn import export, find_recipe, quantize_folder, train

    folder = ModelFolder(tmp_path_factory.mktemp("models") / "edge")
    train(find_recipe("edge"), small_mnist, folder, epochs=3, limit=2400)
    export(folder.path)
    quantize_folder(folder.path)
    return folder
