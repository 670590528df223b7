"""Measure the most memory that export, predict and --quantize take, whatever the pictures' size and number: [CASE ...]

Networks of keras.applications and shipped models are given images of 28×28, of 224×224 in color, and photographs. Each
command runs as a user would start it. Its memory is the most that its processes had together: the sum of the peaks
(VmHWM) of those that lived at the same time. Beside it stands what TensorFlow takes when it is loaded, or a process
that has only opened the model. Written to benchmarks/results/memory.json, case by case. Takes half
an hour; needs Linux.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, replace_row, timed_here

RESULTS = paths.RESULTS / "memory.json"
WORK = paths.BUILD / "memory"
MEGABYTE = 2**20
LOOK_SECONDS = 0.02
EDGECNN = (sys.executable, "-m", "edgecnn")
TENSORFLOW = """
from edgecnn.training.backend import keras, tensorflow
keras("measuring")
tf = tensorflow("measuring")
tf.function(tf.nn.relu, input_signature=[tf.TensorSpec((None, 1))], autograph=False)(tf.zeros((4, 1)))
"""
OPENED = """
import sys
from edgecnn import cli, predict
from edgecnn.runtime.classifier import Classifier
Classifier(sys.argv[1])
"""
NETWORK = """
import sys
from edgecnn.training.backend import keras
module = keras("measuring")
module.utils.set_random_seed(0)
build = getattr(module.applications, sys.argv[1])
build(weights=None, classes=10, input_shape=(224, 224, 3)).save(sys.argv[2])
"""
PHOTOGRAPH = (4000, 3000)  # 12 megapixels
CLASSES, TRAINING, TESTING = 10, 300, 1000


@dataclass(frozen=True)
class Case:
    """A command by its name, what it is compared with, and the limit of what it may take beyond that, in megabytes."""

    name: str
    command: Callable[[], Sequence[str]]
    beside: Callable[[], Sequence[str]]
    most_megabytes: int


def network(name: str) -> str:
    """A network of keras.applications without trained weights, for 224×224 pixels in color and ten classes."""
    path = WORK / f"{name}.keras"
    if not path.exists():
        _checked([sys.executable, "-c", NETWORK, name, str(path)])
    return str(path)


def exported(name: str) -> str:
    path = WORK / name / "model.onnx"
    if not path.exists():
        _checked([*EDGECNN, "export", network(name), "--preprocess", "-1..1", "--out", str(path.parent)])
    return str(path)


def images() -> str:
    """A data set of noise, 224×224 pixels in color."""
    path = WORK / "noise.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        parts: dict[str, Any] = {}
        for part, count in (("train", TRAINING), ("test", TESTING)):
            parts[f"x_{part}"] = rng.integers(0, 256, (count, 224, 224, 3), np.uint8)
            parts[f"y_{part}"] = np.arange(count) % CLASSES
        np.savez(path, **parts)
    return str(path)


def pictures(count: int, width: int, height: int, mode: str) -> str:
    """A folder of pictures. They are links to ten files."""
    folder = WORK / f"{count} of {width}x{height}"
    if not folder.exists():
        folder.mkdir(parents=True)
        rng = np.random.default_rng(0)
        for at in range(min(count, 10)):
            coarse = rng.integers(0, 256, (height // 4, width // 4, len(mode)), np.uint8).squeeze()
            Image.fromarray(coarse).resize((width, height)).save(folder / f"{at:05}.jpg")
        for at in range(10, count):
            (folder / f"{at:05}.jpg").hardlink_to(folder / f"{at % 10:05}.jpg")
    return str(folder)


def _exporting(model: str, *options: str, on_images: bool = False) -> Case:
    def command() -> Sequence[str]:
        data = ["--data", images()] if on_images else []
        out = str(WORK / "out")
        return [*EDGECNN, "export", *options, network(model), "--preprocess", "-1..1", "--out", out, *data]

    name = " ".join(["export", *options, model]) + (f", {TESTING:,} test images" if on_images else "")
    return Case(name, command, lambda: [sys.executable, "-c", TENSORFLOW], 1536)


def _predicting(count: int, size: tuple[int, int], model: str) -> Case:
    def file() -> str:
        return exported(model) if model == "MobileNetV2" else str(paths.ROOT / "models" / model / "model.onnx")

    mode = "RGB" if model == "MobileNetV2" else "L"
    name = f"predict {count:,} pictures of {size[0]}×{size[1]}, {model}"

    def command() -> Sequence[str]:
        return [*EDGECNN, "predict", pictures(count, *size, mode), "--model", file()]

    return Case(name, command, lambda: [sys.executable, "-c", OPENED, file()], 150)


CASES = (
    _exporting("MobileNetV2"),
    _exporting("MobileNetV2", on_images=True),
    _exporting("MobileNetV3Small"),
    _exporting("MobileNetV3Small", "--quantize", on_images=True),
    *(_predicting(count, (28, 28), "edge") for count in (1, 256, 2000)),
    *(_predicting(count, (224, 224), "MobileNetV2") for count in (1, 256, 2000)),
    *(_predicting(count, PHOTOGRAPH, model) for model in ("edge", "MobileNetV2") for count in (1, 32)),
)


def main(names: Sequence[str]) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        if not names or case.name in names:
            row = measured(case)
            replace_row(RESULTS, "cases", timed_here(row), ["name"], _order)
            print(json.dumps(row, ensure_ascii=False), flush=True)


def _order(row: Row) -> int:
    return [case.name for case in CASES].index(row["name"])


def measured(case: Case) -> Row:
    command, beside = case.command(), case.beside()
    base, _ = peak(beside)
    most, seconds = peak(command)
    return {
        "name": case.name,
        "peak_megabytes": most // MEGABYTE,
        "beside_megabytes": base // MEGABYTE,
        "beyond_megabytes": (most - base) // MEGABYTE,
        "limit_megabytes": case.most_megabytes,
        "seconds": round(seconds, 1),
    }


def peak(command: Sequence[str]) -> tuple[int, float]:
    """The most bytes that a command's processes had together, and its wall seconds."""
    started, most = time.perf_counter(), 0
    with tempfile.TemporaryFile() as said:
        process = psutil.Popen(command, cwd=paths.ROOT, stdout=said, stderr=said)
        while process.poll() is None:
            most = max(most, _together(process))
            time.sleep(LOOK_SECONDS)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}: {said.read().decode()[-500:]}")
    return most, time.perf_counter() - started


def _together(process: psutil.Process) -> int:
    try:
        every = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_own_peak(item.pid) for item in every)


def _own_peak(pid: int) -> int:
    """The most memory that a living process had, in bytes; 0 if it ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _checked(command: Sequence[str]) -> None:
    subprocess.run(command, cwd=paths.ROOT, check=True, stdout=subprocess.DEVNULL)


def table() -> str:
    rows = [
        [row["name"], *(f"{row[f'{key}_megabytes']:,}" for key in ("peak", "beside", "beyond", "limit"))]
        for row in read_result(RESULTS)["cases"]
    ]
    headings = ["command", "peak, MB", "TensorFlow or the opened model, MB", "beyond, MB", "goal, MB"]
    note = "An export's memory is compared with TensorFlow's own, a prediction's with that of the opened model."
    return markdown.table(headings, rows, [note])
