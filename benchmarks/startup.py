"""Time whole commands against a ten-line script that does the same: python benchmarks/startup.py

`edgecnn predict one.png`, `edgecnn --help` and the script below take turns; the raw wall seconds go to
benchmarks/results/startup.json.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pictures

from edgecnn.files import atomic
from edgecnn.folder import REFERENCE_RESULTS, find_onnx
from edgecnn.host.machine import this_host

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


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pictures.main(folder)
        (folder / "ten.py").write_text(TEN_LINES, encoding="utf-8")
        model, picture = str(find_onnx("edge").resolve()), str(folder / "00-7.png")
        commands = {
            "script": [sys.executable, str(folder / "ten.py"), picture, model],
            "predict": [sys.executable, "-m", "edgecnn", "predict", picture, "--model", model],
            "help": [sys.executable, "-m", "edgecnn", "--help"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(RUNS + 1):
            for name, command in commands.items():
                taken = run(command)
                if number:  # the first turn fills the disk cache
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
    document = {
        "host": str(host),
        "versions": host.versions,
        "runs": RUNS,
        "median_s": medians,
        "predict_over_script": ratio,
        "seconds": seconds,
    }
    with atomic(REFERENCE_RESULTS.with_name("startup.json")) as path:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"median_s": medians, "predict_over_script": ratio}, indent=2))


if __name__ == "__main__":
    main()
