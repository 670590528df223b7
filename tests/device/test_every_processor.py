"""What a processor without VNNI answers is what this machine answers: tried on an emulated one."""

import importlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.quantizing.float32_model import load_source
from edgecnn.quantizing.quantizers import calibrate, quantize_static
from edgecnn.quantizing.schemes import S8S8, U8S8
from edgecnn.runtime.classifier import Classifier

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parent.parent
# One process answers all, as an emulated one takes long to start: each model's probabilities, and for each command
# line its exit code and what it writes.
ANSWER = """\
import json, sys
import numpy as np
from typer.testing import CliRunner
from edgecnn.cli import app
from edgecnn.runtime.classifier import Classifier
asked = json.load(sys.stdin)
for model, answers in asked["models"]:
    np.save(answers, Classifier(model, threads=1).predict(np.load(asked["images"])))
done = [CliRunner().invoke(app, line) for line in asked["lines"]]
print(json.dumps([[each.exit_code, each.stdout, each.stderr] for each in done]))
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


@dataclass(frozen=True)
class Answers:
    """What the emulated processor says: each model's probabilities of `images`, and what came of the command lines."""

    images: NDArray[np.uint8]
    probabilities: dict[Path, NDArray[np.float32]]
    predicted: tuple[int, str, str]
    without_notes: tuple[int, str, str]
    doctor: tuple[int, str, str]


@pytest.fixture(scope="module")
def there(
    emulator: ModuleType, mnist: Dataset, eight_bits: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Answers:
    folder = tmp_path_factory.mktemp("there")
    images = mnist.test.images[:100]
    np.save(folder / "images.npy", images)
    Image.fromarray(images[0]).save(folder / "digit.png")
    models = [*sorted(SHIPPED_MODELS.glob("*/model.int8*.onnx")), *eight_bits]
    files = {model: folder / f"{number}.npy" for number, model in enumerate(models)}
    picture = str(folder / "digit.png")
    asked = {
        "images": str(folder / "images.npy"),
        "models": [[str(model), str(file)] for model, file in files.items()],
        "lines": [
            ["predict", picture, "--model", str(eight_bits[0])],
            ["predict", picture, "--model", "edge"],
            ["doctor", "--json"],
        ],
    }
    command = [emulator.python(emulator.X86_CPU), "-c", ANSWER]
    done = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True)
    lines = [tuple(line) for line in json.loads(done.stdout)]
    return Answers(images, {model: np.load(file) for model, file in files.items()}, *lines)


def test_every_int8_file_answers_there_as_here(there: Answers) -> None:
    """Of whole numbers to the last bit, and where a part is float32, as that part does."""
    assert len(there.probabilities) > 5
    for model, answers in there.probabilities.items():
        here = Classifier(model, threads=1).predict(there.images)
        assert np.array_equal(answers.argmax(axis=1), here.argmax(axis=1)), model
        assert np.abs(answers - here).max() < 1e-5, model


def test_predict_says_that_a_file_needs_another_processor(there: Answers) -> None:
    code, label, notes = there.predicted
    assert (code, label.split()[1]) == (0, "7"), notes
    assert "u8s8.onnx has 8-bit weights" in notes
    assert "8-bit weights" not in there.without_notes[2]


def test_doctor_says_that_there_is_no_vnni(there: Answers) -> None:
    [row] = [row for row in json.loads(there.doctor[1]) if row["topic"] == "instruction sets"]
    assert row["status"] == "warning"
    assert "8-bit weights run exactly but slowly" in row["found"]


@pytest.mark.long
def test_the_tests_of_quantizing_hold_there_too(emulator: ModuleType) -> None:
    files = [str(TESTS / name) for name in ("quantizing/test_quantizers.py", "quantizing/test_float32_model.py")]
    chosen = "form_asked_for or old_opset"
    # Without plugins, which take long to import there.
    options = ["-o", "addopts=", "-p", "no:cacheprovider", "-k", chosen]
    command = [emulator.python(emulator.X86_CPU), "-m", "pytest", *options, *files]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "7 passed" in done.stdout
