"""What tests share: real MNIST, one small trained and exported model, and ways to run the command line."""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
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
    *("ncnn", "MNN", "pnnx"),
    *("jsonschema", "scipy", "websockets", "distributed"),
)

# The command line, but its bench has one process for all rounds of a contender instead of one for each: that saves most
# of a short run's time, and tests/bench/test_bench_contender_run.py is about it.
ONE_PROCESS = """
from edgecnn.__main__ import main
from edgecnn.bench import contender_run
contender_run.STARTS_QUICKLY = 0
main()
"""

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
    return partial(run, [sys.executable, "-m", "edgecnn"])


@pytest.fixture(scope="session")
def edgecnn_in_one_process() -> Run:
    """As `edgecnn`, but for ONE_PROCESS."""
    return partial(run, [sys.executable, "-c", ONE_PROCESS])


def path_with(folder: Path, program: str) -> str:
    """A PATH whose `edgecnn` is a program of Python's, which is written to `folder`, before the environment's own."""
    command = folder / "edgecnn"
    command.write_text(f"#!{sys.executable}\n{program}")
    command.chmod(0o755)
    return os.pathsep.join(map(str, (folder, Path(sys.executable).parent, os.environ["PATH"])))


@pytest.fixture(scope="session")
def pi(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command line as on a Raspberry Pi: what `edgecnn` takes, no TensorFlow, no onnx; child processes included."""
    return _python_without(ABSENT_ON_A_PI, tmp_path_factory.mktemp("pi"), "-m", "edgecnn")


@pytest.fixture(scope="session")
def pi_in_one_process(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """As `pi`, but for ONE_PROCESS."""
    return _python_without(ABSENT_ON_A_PI, tmp_path_factory.mktemp("pi in one process"), "-c", ONE_PROCESS)


@pytest.fixture(scope="session")
def pi_python(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Python as on a Raspberry Pi that has the `quantize` extra: pi_python("program.py", "argument")."""
    absent = tuple(name for name in ABSENT_ON_A_PI if name != "onnx")
    return _python_without(absent, tmp_path_factory.mktemp("pi with onnx"))


def _python_without(absent: tuple[str, ...], links: Path, *arguments: str) -> Run:
    """The base interpreter: it sees the project and links to the installed packages, but for those absent."""
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        name = package.name.lower()
        is_absent = name.startswith(absent) and not name.startswith("onnxruntime")
        if not is_absent and package.suffix != ".pth":
            (links / package.name).symlink_to(package)
    base = str(getattr(sys, "_base_executable", sys.executable))
    places = f"{TESTS.parent}{os.pathsep}{links}"
    return partial(run, [base, *arguments], PYTHONPATH=places, PYTHONNOUSERSITE="1")


def run(
    command: Sequence[str], *arguments: str | Path, cwd: Path | None = None, text: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The default recipe, trained for three short epochs, exported and quantized, whatever this machine's speed.

    All processes of a run share it: do not change it.
    """
    return ModelFolder(_made_once("models", tmp_path_factory, _train_and_export) / "edge")


def _train_and_export(folder: Path) -> None:
    from edgecnn import export, find_recipe, quantize, train

    model = ModelFolder(folder / "edge")
    train(find_recipe("edge"), load(limit=2400), model, epochs=3, limit=2400)
    export(model.path)
    quantize(model.path, scheme="static")


def _made_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], None]) -> Path:
    """The folder of that name: the first process of the run that asks for it makes it, the others wait."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, unfinished = shared / name, shared / f"{name} unfinished"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder
