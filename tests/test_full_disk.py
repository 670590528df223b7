"""A full disk, wherever it is: one line that names the place and the cure, and nothing half there."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.bundling import bundle
from edgecnn.folder import SHIPPED_MODELS, ModelFolder


def on_a_small_disk(size: str, work: Path, *command: str, temporary: bool) -> tuple[str, set[str]]:
    """Run a command that fails in the folder `work`; what it says, and which files it leaves on both disks.

    The small disk is the folder `disk` in `work`; with `temporary`, it is also the folder for temporary files.
    """
    (work / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={size} tmpfs disk"
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-m", "sh", "-c", mount], cwd=work, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a small file system needs root on Linux")
    line = shlex.join([sys.executable, "-m", "edgecnn", *command])
    place = f"TMPDIR={work / 'disk'} " if temporary else ""
    script = f"{mount} && {place}{line} >&2; code=$?; find . -type f; exit $code"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return errors[0], set(done.stdout.splitlines())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a copy of the shipped `nano`."""
    model = ModelFolder(tmp_path / "work" / "nano")
    shutil.copytree(SHIPPED_MODELS / "nano", model.path)
    return tmp_path / "work"


def files(work: Path) -> set[str]:
    return {f"./{path.relative_to(work)}" for path in work.rglob("*") if path.is_file()}


QUANTIZE = ("export", "nano/model.onnx", "--quantize", "--scheme", "float16", "--quiet")


def test_a_full_folder_for_what_quantizing_writes(work: Path) -> None:
    before = files(work)
    message, left = on_a_small_disk("30k", work, *QUANTIZE, "--out", "disk/model", temporary=False)
    assert "error: cannot write disk/model" in message
    assert ".edgecnn" not in message  # no name of a temporary file
    assert "free some space" in message
    assert left == before


@pytest.mark.parametrize(
    "command", [QUANTIZE, ("bench", "nano", "--runtime", "onnxruntime", "--duration", "0.1", "--json", "run.json")]
)
def test_a_full_folder_for_temporary_files(command: tuple[str, ...], work: Path) -> None:
    before = files(work)
    message, left = on_a_small_disk("4k", work, *command, temporary=True)
    assert f"error: cannot write to the temporary folder {work / 'disk'}: No space left on device" in message
    assert "or set TMPDIR to another folder" in message
    assert left == before


def test_a_full_folder_for_what_a_bundle_becomes(work: Path) -> None:
    (work / "nano" / "model.keras").unlink()  # so that TensorFlow is not measured
    bundle(work / "nano", work / "nano.edgecnn.zip")
    before = files(work)
    message, left = on_a_small_disk("30k", work, "install", "nano.edgecnn.zip", "--out", "disk/model", temporary=False)
    assert "error: nano.edgecnn.zip takes" in message
    assert "free some space" in message
    assert left == before


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.long
@pytest.mark.parametrize("size", ["4k", "40k"])
def test_a_full_folder_for_what_the_models_process_writes(size: str, work: Path) -> None:
    before = files(work)
    message, left = on_a_small_disk(size, work, "export", "nano", "--out", "out", temporary=True)
    assert "error: cannot write to the temporary folder" in message
    assert left == before


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_disk_that_fills_up_with_the_finished_model_keeps_the_training(work: Path) -> None:
    """A checkpoint of `nano` takes 115 kB, and the model with its pictures more than is left."""
    before = files(work)
    options = ("--recipe", "nano", "--limit", "240", "--epochs", "1", "--out", "disk/model", "--quiet")
    message, left = on_a_small_disk("200k", work, "train", *options, temporary=False)
    assert "error: cannot write disk/model: No space left on device" in message
    assert "add --resume" in message
    assert left == before | {"./disk/model/checkpoint.npz"}
