"""What tests share: real MNIST, one small trained and exported model, and one import of TensorFlow."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgecnn.data import Dataset, load
from edgecnn.folder import ModelFolder

TESTS = Path(__file__).parent
TINY = TESTS / "models" / "tiny.onnx"

ABSENT_ON_A_PI = (
    *("tensorflow", "keras", "tf2onnx", "onnx", "matplotlib", "h5py", "ai_edge_litert", "openvino"),
    *("jsonschema", "scipy", "websockets"),
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load()


@pytest.fixture(scope="session")
def small_mnist() -> Dataset:
    """2,400 training images: 2,200 and 200 for validation."""
    return load(limit=2400)


@pytest.fixture
def few_digits(mnist: Dataset, tmp_path: Path) -> Path:
    """Real digits in a file of their own: 60 to train with, 20 to test."""
    path = tmp_path / "few.npz"
    train, test = mnist.train, mnist.test
    np.savez(
        path,
        x_train=train.images[:60],
        y_train=train.labels[:60],
        x_test=test.images[:20],
        y_test=test.labels[:20],
    )
    return path


@pytest.fixture(scope="session")
def tiny() -> Path:
    """The checked-in ONNX model that make_tiny.py builds: uint8 [batch, 28, 28], ten digits."""
    return TINY


@pytest.fixture(scope="session")
def edgecnn() -> Run:
    """Run the command line in a process of its own: edgecnn("predict", "a.png", cwd=folder)."""

    return partial(run, sys.executable)


@pytest.fixture(scope="session")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command line as on a Raspberry Pi: what `edgecnn` takes, no TensorFlow, no onnx; child processes included.

    The base interpreter sees the project and links to the installed packages, but for those of the extras.
    """
    links = tmp_path_factory.mktemp("pi")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        name = package.name.lower()
        absent = name.startswith(ABSENT_ON_A_PI) and not name.startswith("onnxruntime")
        if not absent and package.suffix != ".pth":
            (links / package.name).symlink_to(package)
    base = str(getattr(sys, "_base_executable", sys.executable))
    return partial(run, base, PYTHONPATH=f"{TESTS.parent}{os.pathsep}{links}", PYTHONNOUSERSITE="1")


def run(
    python: str, *arguments: str | Path, cwd: Path | None = None, text: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "edgecnn", *map(str, arguments)],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, small_mnist: Dataset) -> ModelFolder:
    """The default recipe, trained for three short epochs, exported and quantized, whatever this machine's speed.

    Do not change it.
    """
    from edgecnn import export, find_recipe, quantize, train

    folder = ModelFolder(tmp_path_factory.mktemp("models") / "edge")
    train(find_recipe("edge"), small_mnist, folder, epochs=3, limit=2400)
    export(folder.path)
    quantize(folder.path, scheme="static")
    return folder
