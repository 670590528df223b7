"""Compare the time of whole commands with that of a ten-line script

`edgecnn predict one.png`, `edgecnn --help` and a ten-line script that does the same as predict take turns. Their wall
seconds are written to benchmarks/results/startup.json. Takes two minutes. Close other programs first.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from PIL import Image

from benchmarks.lib import paths
from benchmarks.lib.results import update_result
from edgecnn.data import load
from edgecnn.folder import find_onnx
from edgecnn.host.machine import this_host

RESULTS = paths.RESULTS / "startup.json"
RUNS = 25
TEN_LINES = """\
import typer
import numpy as np
import onnxruntime as ort
from PIL import Image
def main(picture: str, model: str) -> None:
    session = ort.InferenceSession(model)
    image = np.asarray(Image.open(picture).convert("L"), np.uint8)[None]
    probabilities = session.run(None, {"image": image})[0][0]
    print(picture, probabilities.argmax(), f"{probabilities.max():.4f}", sep="\\t")
typer.run(main)
"""


def main(_: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        picture = folder / "digit.png"
        Image.fromarray(load().test.images[0]).save(picture)
        (folder / "ten.py").write_text(TEN_LINES, encoding="utf-8")
        model = str(find_onnx("edge").resolve())
        commands = {
            "script": [sys.executable, str(folder / "ten.py"), str(picture), model],
            "predict": [sys.executable, "-m", "edgecnn", "predict", str(picture), "--model", model],
            "help": [sys.executable, "-m", "edgecnn", "--help"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(RUNS + 1):
            for name, command in commands.items():
                taken = run(command)
                if number:  # the first turn only fills the disk cache
                    seconds[name].append(taken)
    store(seconds)


def run(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def store(seconds: dict[str, list[float]]) -> None:
    medians = {name: median(values) for name, values in seconds.items()}
    ratio = median(ours / theirs for ours, theirs in zip(seconds["predict"], seconds["script"], strict=True))
    host = this_host()
    update_result(
        RESULTS,
        host=str(host),
        versions=host.versions,
        runs=RUNS,
        median_s=medians,
        predict_over_script=ratio,
        seconds=seconds,
    )
    print(json.dumps({"median_s": medians, "predict_over_script": ratio}, indent=2))
