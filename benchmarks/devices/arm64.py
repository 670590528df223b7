"""Compare labels from an emulated Raspberry Pi with those from this machine: [NETWORK | MODEL ...]

Each MODEL is an ONNX file or a folder with ONNX files. Each NETWORK is a name from NAMES and stands for its ARM64 file;
without arguments, all are used. For our recipes this is the shipped file. For the other networks it is made now: from
the fully trained network if it is under build/, otherwise from one that is trained for one epoch, which is enough to
compare labels. The same file labels the first 1,000 validation images of the network's data (data.npz beside the file,
otherwise MNIST) here and on the emulated Cortex-A72 (Pi 4) and Cortex-A76 (Pi 5). The labels and their agreement are
written to benchmarks/results/arm64.json; other models are kept. Emulation takes seconds to minutes per 1,000 images and
says nothing about speed.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edgecnn
from benchmarks.devices import emulator
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, replace_row
from benchmarks.models import color_digits, publish, reference_recipes
from edgecnn.data import MNIST, load
from edgecnn.files import sha256
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.host.machine import this_host
from edgecnn.runtime.classifier import Classifier

RESULTS = paths.RESULTS / "arm64.json"
BRIEF = paths.BUILD / "brief"
NAMES = (*publish.NAMES, *reference_recipes.NAMES, *color_digits.NETWORKS)
IMAGES = 1000
FILE = "model.int8.arm64.onnx"
HEADINGS = ("network", "file", "epochs trained", "emulated CPU", "same label", "differ", "largest difference")
EMULATED = """\
import json, sys
import numpy as np
from edgecnn.host.machine import this_host
from edgecnn.runtime.classifier import Classifier
model, images, answers = sys.argv[1:]
np.save(answers, Classifier(model, threads=1).predict(np.load(images)))
host = this_host()
print(json.dumps({"instruction_sets": host.instruction_sets, "python": host.python, "versions": host.versions}))
"""

Floats = NDArray[np.float32]


def main(arguments: Sequence[str]) -> None:
    emulator.prepare()
    with tempfile.TemporaryDirectory() as scratch:
        for model in (file for argument in arguments or NAMES for file in meant(argument)):
            np.save(Path(scratch) / "images.npy", load(data_of(model)).validation.images[:IMAGES])
            store(measure(model, Path(scratch)))
            print(model.parent.name, flush=True)
    print(table(), end="")


def meant(argument: str) -> list[Path]:
    """The ONNX files that an argument means."""
    if argument in NAMES:
        return [SHIPPED_MODELS / argument / FILE if argument in publish.NAMES else quantized(argument)]
    path = Path(argument).resolve()
    return sorted(path.glob("model*.onnx")) if path.is_dir() else [path]


def quantized(name: str) -> Path:
    """Make the ARM64 file of a network that is not shipped."""
    folder = trained(name)
    if not folder.onnx("float32").exists():
        reference_recipes.run("export", str(folder.path))
    return edgecnn.quantize(folder.path, target="arm64", data=data_of(folder.keras)).path


def trained(name: str) -> ModelFolder:
    """The fully trained network if it exists, otherwise one trained for one epoch."""
    if name in color_digits.NETWORKS:
        color_digits.make(color_digits.NETWORKS[name])
        return ModelFolder(color_digits.NETWORKS[name].folder)
    folder, brief = ModelFolder(paths.TRAINED / name), ModelFolder(BRIEF / name)
    if folder.keras.exists():
        return folder
    if not brief.keras.exists():
        reference_recipes.run("train", "--recipe", name, "--epochs", "1", "--out", str(brief.path))
    return brief


def data_of(model: Path) -> Path | str:
    own = model.with_name("data.npz")
    return own if own.exists() else MNIST


def measure(model: Path, scratch: Path) -> dict[str, Any]:
    """Label the images in the scratch folder with one model, here and on each emulated CPU."""
    host, card = this_host(), ModelFolder(model.parent).card()
    here = Classifier(model, threads=1).predict(np.load(scratch / "images.npy"))
    return {
        "model": model.parent.name,
        "file": model.name,
        "sha256": sha256(model),
        "epochs": card.training.epochs if card and card.training else None,
        "split": "validation",
        "images": len(here),
        "host": str(host),
        "versions": host.versions,
        "emulator": emulator.versions(),
        "labels": digits(here),
        "emulated": {cpu: emulated(model, cpu, here, scratch) for cpu in emulator.CPUS},
    }


def emulated(model: Path, cpu: str, here: Floats, scratch: Path) -> dict[str, Any]:
    """One model's labels on one emulated CPU, and their agreement with those here; `seconds` is the process's time."""
    files = [str(path) for path in (model, scratch / "images.npy", scratch / "answers.npy")]
    command = [str(emulator.python(cpu)), "-c", EMULATED, *files]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - started
    there = np.load(scratch / "answers.npy")
    return {**compared(here, there), "seconds": round(seconds, 1), **json.loads(done.stdout), "labels": digits(there)}


def compared(here: Floats, there: Floats) -> dict[str, Any]:
    """How far two sets of probabilities, [n, classes] each, agree: in the most likely class, and in their values."""
    same = here.argmax(1) == there.argmax(1)
    return {
        "agreement": float(same.mean()),
        "differ": int((~same).sum()),
        "max_difference": float(np.abs(here - there).max()),
    }


def digits(probabilities: Floats) -> str:
    """The most likely class of each image, as a string of digits."""
    return "".join(map(str, probabilities.argmax(1)))


def store(row: dict[str, Any]) -> None:
    keys = ("model", "file")
    replace_row(RESULTS, "models", row, keys, itemgetter(*keys))


def table() -> str:
    """The results in `arm64.json`, as a Markdown table."""
    return table_of(read_result(RESULTS)["models"])


def table_of(models: Sequence[Mapping[str, Any]]) -> str:
    cells = [_cells(row, cpu, answers) for row in models for cpu, answers in row["emulated"].items()]
    return markdown.table(HEADINGS, cells, ["Largest difference: the largest change of any probability."], words=2)


def _cells(row: Mapping[str, Any], cpu: str, answers: Mapping[str, Any]) -> list[str]:
    share = f"{answers['agreement']:.2%} of {row['images']:,}"
    trained = str(row["epochs"] or "–")
    difference = f"{answers['max_difference']:.2g}"
    return [f"`{row['model']}`", f"`{row['file']}`", trained, cpu, share, str(answers["differ"]), difference]
