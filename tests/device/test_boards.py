"""The project's own wheel on an emulated Raspberry Pi 4 and 5, from an empty folder: every command of a device."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from shared_fixtures import ABSENT_ON_A_PI

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.runtime.classifier import Classifier

pytestmark = pytest.mark.slow
PI_4, PI_5 = "cortex-a72", "cortex-a76"
INSTRUCTION_SETS = {PI_4: ["NEON"], PI_5: ["NEON", "dotprod"]}
FILES = [SHIPPED_MODELS / name / file for name in ("nano", "edge") for file in ("model.onnx", "model.int8.arm64.onnx")]
COLD_SECONDS = 20
SERVE_SECONDS = 300
# One process answers all, as an emulated one takes long to start: where the package is, each file's probabilities, and
# for each command line its exit code and what it writes.
ANSWER = """\
import json, sys
import numpy as np
from typer.testing import CliRunner
import edgecnn
from edgecnn.cli import app
from edgecnn.runtime.classifier import Classifier
asked = json.load(sys.stdin)
for model, answers in asked["files"]:
    np.save(answers, Classifier(model, threads=1).predict(np.load(asked["images"])))
done = [CliRunner().invoke(app, line) for line in asked["lines"]]
print(json.dumps([edgecnn.__file__, [[each.exit_code, each.stdout, each.stderr] for each in done]]))
"""


@dataclass(frozen=True)
class Board:
    """An emulated Raspberry Pi. Its commands start in `folder`, with a picture of a seven and a small data set."""

    emulator: ModuleType
    cpu: str
    environment: dict[str, str]
    folder: Path

    @property
    def python(self) -> str:
        return str(self.emulator.python(self.cpu))

    def edgecnn(self, *arguments: str | Path) -> str:
        """What a command that must succeed writes to stdout."""
        done: subprocess.CompletedProcess[str]
        done = self.emulator.run(arguments, self.cpu, self.environment, self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *command: str, stderr: int | None = None) -> subprocess.Popen[str]:
        variables = {**os.environ, **self.environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [self.python, *command], cwd=self.folder, env=variables, text=True, stdin=pipe, stdout=pipe, stderr=stderr
        )


@pytest.fixture(scope="module")
def installed(emulator: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the installed wheel runs, with a cache of its own."""
    installed: dict[str, str] = emulator.install_project(tmp_path_factory.mktemp("installed"))
    return {**installed, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module", params=[PI_4, PI_5])
def board(
    request: pytest.FixtureRequest,
    emulator: ModuleType,
    installed: dict[str, str],
    mnist: Dataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> Board:
    folder = tmp_path_factory.mktemp(request.param)
    parts = {"train": mnist.train, "test": mnist.test}
    images = {f"x_{name}": part.images[:200] for name, part in parts.items()}
    labels = {f"y_{name}": part.labels[:200] for name, part in parts.items()}
    np.savez(folder / "few.npz", allow_pickle=False, **images, **labels)
    Image.fromarray(mnist.test.images[0]).save(folder / "seven.png")
    return Board(emulator, request.param, installed, folder)


@dataclass(frozen=True)
class Answers:
    """What one process on the board says."""

    package: str
    images: NDArray[np.uint8]
    probabilities: dict[Path, NDArray[np.float32]]
    lines: list[tuple[int, str, str]]


@pytest.fixture(scope="module")
def there(board: Board, installed: dict[str, str], mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    scratch = tmp_path_factory.mktemp("answers")
    np.save(scratch / "images.npy", mnist.test.images[:20])
    files = {file: scratch / f"{number}.npy" for number, file in enumerate(FILES)}
    asked = {
        "images": str(scratch / "images.npy"),
        "files": [[str(file), str(answers)] for file, answers in files.items()],
        "lines": [["doctor", "--json"], ["predict", "seven.png", "--model", "edge"], ["info", "edge", "--json"]],
    }
    with board.start("-c", ANSWER) as process:
        package, lines = json.loads(process.communicate(json.dumps(asked))[0])
    probabilities = {file: np.load(answers) for file, answers in files.items()}
    return Answers(package, mnist.test.images[:20], probabilities, [tuple(line) for line in lines])


def test_the_board_runs_what_the_wheel_installed_without_tensorflow(
    board: Board, there: Answers, installed: dict[str, str]
) -> None:
    packages = Path(installed["EDGECNN_PACKAGES"])
    assert Path(there.package).is_relative_to(packages)
    absent = {name for name in ABSENT_ON_A_PI if name != "onnx"}  # the quantize extra brings it
    assert not absent & {path.name for folder in (packages, board.emulator.WHEELS) for path in folder.iterdir()}


def test_a_board_labels_digits_as_this_machine_does(there: Answers) -> None:
    for file, answers in there.probabilities.items():
        here = Classifier(file, threads=1).predict(there.images)
        assert np.array_equal(answers.argmax(axis=1), here.argmax(axis=1)), file
        assert np.abs(answers - here).max() < 1e-5, file


def test_doctor_tells_whether_there_is_dot_product(board: Board, there: Answers) -> None:
    _, checks, notes = there.lines[0]
    [row] = [row for row in json.loads(checks) if row["topic"] == "instruction sets"]
    assert row["found"].split(";")[0].split(", ") == INSTRUCTION_SETS[board.cpu], notes
    assert row["status"] == ("ok" if board.cpu == PI_5 else "warning")
    assert ("without dotprod" in row["found"]) == (board.cpu == PI_4)


def test_predict_and_info_need_nothing_more(there: Answers) -> None:
    predicted, described = there.lines[1:]
    assert (predicted[0], predicted[1].split("\t")[1]) == (0, "7"), predicted
    names = {Path(item["path"]).name for item in json.loads(described[1])}
    assert {"model.onnx", "model.int8.arm64.onnx"} <= names, described


@pytest.mark.long
def test_predict_is_there_within_twenty_seconds(board: Board) -> None:
    """Of the emulator's processor time: what else this machine does must not count."""
    with board.start("-m", "edgecnn", "predict", "seven.png") as process:
        assert process.stdout is not None
        assert process.stdout.read().split("\t")[1] == "7"
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert used.ru_utime + used.ru_stime < COLD_SECONDS


@pytest.mark.long
def test_bench_compares_float32_with_the_int8_file_for_arm64(board: Board) -> None:
    options = ("--data", "few.npz", "--duration", "0.1", "--timeout", "300", "--json", "-")
    rows = json.loads(board.edgecnn("bench", "nano", *options))["contenders"]
    assert {"onnx-float32", "onnx-int8-arm64"} <= {row["name"] for row in rows}
    assert all(row["failure"] is None and row["agreement"] == 1 for row in rows)


@pytest.mark.long
def test_tune_keeps_which_file_runs(board: Board, installed: dict[str, str]) -> None:
    tuned = json.loads(board.edgecnn("tune", "nano", "--json"))
    assert Path(tuned["kept"]).is_relative_to(installed["XDG_CACHE_HOME"])
    assert {"model.onnx", "model.int8.arm64.onnx"} <= set(tuned["verdict"]["files"])
    assert Path(tuned["path"]).name == tuned["verdict"]["chosen"]


@pytest.mark.long
def test_a_board_quantizes_from_onnx(board: Board) -> None:
    source = SHIPPED_MODELS / "nano" / "model.onnx"
    board.edgecnn("export", source, "--quantize", "--scheme", "static", "--data", "few.npz", "--out", "own")
    assert (board.folder / "own" / "model.int8.onnx").exists()
    assert board.edgecnn("predict", "seven.png", "--model", "own/model.int8.onnx").split("\t")[1] == "7"


@pytest.mark.long
def test_a_bundle_is_made_and_installed(board: Board) -> None:
    board.edgecnn("bundle", "nano", "--out", "nano.edgecnn.zip")
    board.edgecnn("install", "nano.edgecnn.zip", "--no-tune", "--out", "received")
    for file in ("model.onnx", "model.int8.arm64.onnx"):
        assert (board.folder / "received" / file).read_bytes() == (SHIPPED_MODELS / "nano" / file).read_bytes()
    assert board.edgecnn("predict", "seven.png", "--model", "received").split("\t")[1] == "7"


@pytest.mark.long
def test_serve_answers_a_request(board: Board) -> None:
    with board.start("-m", "edgecnn", "serve", "nano", "--port", "0", stderr=subprocess.PIPE) as process:
        try:
            picture = (board.folder / "seven.png").read_bytes()
            [answer] = _asked(f"{_address(process)}/v1/classify", picture)["pictures"]
            assert answer["predictions"][0]["label"] == "7"
        finally:
            process.send_signal(signal.SIGINT)


def _asked(address: str, picture: bytes) -> Any:
    request = urllib.request.Request(address, picture, {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=SERVE_SECONDS) as answer:
        return json.load(answer)


def _address(process: subprocess.Popen[str]) -> str:
    """Where it serves, which it says when it is ready."""
    assert process.stderr is not None
    end = time.monotonic() + SERVE_SECONDS
    while time.monotonic() < end and (line := process.stderr.readline()):
        if found := [word for word in line.split() if word.startswith("http://")]:
            return found[0].rstrip("/.")
    raise AssertionError("the service said no address")
