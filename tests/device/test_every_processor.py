"""What a processor without VNNI answers is what this machine answers: tried on an emulated one."""

import importlib
import json
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.quantizing.float32_model import load_source
from edgecnn.quantizing.quantizers import calibrate, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8
from edgecnn.runtime.classifier import Classifier

TESTS = Path(__file__).parent.parent
PREDICT = """\
import sys
import numpy as np
from edgecnn.runtime.classifier import Classifier
images, *models = sys.argv[1:]
for number, model in enumerate(models):
    np.save(f"{images}.{number}.npy", Classifier(model, threads=1).predict(np.load(images)))
"""


@pytest.fixture(scope="module")
def emulator() -> ModuleType:
    found = importlib.import_module("benchmarks.devices.emulator")
    if not (found.ready() and found.python(found.X86_CPU).exists()):
        pytest.skip("no emulated x86-64: python -m benchmarks emulator prepares it, as root on Debian and x86-64")
    return found


@pytest.fixture(scope="module")
def eight_bits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """`nano` with weights of all 8 bits, in both forms of int8."""
    source = load_source(SHIPPED_MODELS / "nano" / "model.onnx")
    ranges = calibrate(source, mnist.train.images[:64], "minmax")
    folder = tmp_path_factory.mktemp("eight bits")
    paths = [folder / f"{name}.onnx" for name in ("u8s8", "s8s8")]
    for path, form in zip(paths, (U8S8, S8S8), strict=True):
        onnx.save(quantize_static(source, ranges, form), path)
    return paths


def test_every_int8_file_answers_there_as_here(
    emulator: ModuleType, mnist: Dataset, eight_bits: list[Path], tmp_path: Path
) -> None:
    """Of whole numbers to the last bit, and where a part is float32, as that part does."""
    models = [*sorted(SHIPPED_MODELS.glob("*/model.int8*.onnx")), *eight_bits]
    images = mnist.test.images[:100]
    np.save(tmp_path / "images.npy", images)
    command = [emulator.python(emulator.X86_CPU), "-c", PREDICT, tmp_path / "images.npy", *models]
    subprocess.run(command, check=True)
    for number, model in enumerate(models):
        there, here = np.load(tmp_path / f"images.npy.{number}.npy"), Classifier(model, threads=1).predict(images)
        assert np.array_equal(there.argmax(axis=1), here.argmax(axis=1)), model
        assert np.abs(there - here).max() < 1e-5, model


def test_predict_and_info_say_that_a_file_needs_another_processor(
    emulator: ModuleType, mnist: Dataset, eight_bits: list[Path], tmp_path: Path
) -> None:
    Image.fromarray(mnist.test.images[0]).save(tmp_path / "digit.png")
    [model, _] = eight_bits
    done = emulator.run(["predict", tmp_path / "digit.png", "--model", model], emulator.X86_CPU)
    assert (done.returncode, done.stdout.split()[1]) == (0, "7"), done.stderr
    assert "u8s8.onnx has 8-bit weights" in done.stderr
    done = emulator.run(["predict", tmp_path / "digit.png", "--model", "edge"], emulator.X86_CPU)
    assert done.stderr == ""


def test_doctor_says_that_there_is_no_vnni(emulator: ModuleType) -> None:
    rows = json.loads(emulator.run(["doctor", "--json"], emulator.X86_CPU).stdout)
    [row] = [row for row in rows if row["topic"] == "instruction sets"]
    assert row["status"] == "warning"
    assert "8-bit weights run exactly but slowly" in row["found"]


def test_the_tests_of_quantizing_hold_there_too(emulator: ModuleType) -> None:
    files = [str(TESTS / name) for name in ("quantizing/test_quantizers.py", "quantizing/test_float32_model.py")]
    chosen = "form_asked_for or residual_block or old_opset"
    command = [emulator.python(emulator.X86_CPU), "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", *files]
    done = subprocess.run([*command, "-k", chosen], cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
