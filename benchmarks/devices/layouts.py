"""Count what each rewriting of the graph costs where int8 cannot be timed: [NETWORK ...]

`edgecnn export --quantize --target` another kind of processor cannot time the rewritings of a graph, so a rule names
the one to take. This counts the instructions of one inference with each, of our networks, on the emulated Cortex-A72
and Cortex-A76 (the ARM64 file) and on an emulated x86-64 processor without VNNI (the file for any processor). It works
as `instructions` does, and takes 5 minutes. The rows go to benchmarks/results/layouts.json.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import edgecnn
from benchmarks.devices import counting, emulator, instructions
from benchmarks.devices.instructions import Board
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, update_result
from benchmarks.models import publish
from edgecnn.bench.contenders import Contender, start_list
from edgecnn.data import MNIST, load
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.graph.layouts import REWRITINGS
from edgecnn.host.machine import this_host
from edgecnn.quantizing import search
from edgecnn.quantizing.candidates import AS_EXPORTED
from edgecnn.quantizing.schemes import Target

RESULTS = paths.RESULTS / "layouts.json"
ARM64, ANY = "model.int8.arm64.onnx", "model.int8.onnx"
FILES = {**dict.fromkeys(emulator.CPUS, ARM64), counting.WITHOUT_VNNI: ANY}
TARGETS: dict[str, Target] = {ARM64: "arm64", ANY: "any"}
HEADINGS = ("network", "rewriting", "Cortex-A72", "Cortex-A76", "x86-64 without VNNI")


def main(arguments: Sequence[str]) -> None:
    counting.prepare()
    with tempfile.TemporaryDirectory() as scratch:
        found = list(measure(arguments or publish.NAMES, Path(scratch)))
    host = this_host()
    update_result(RESULTS, host=str(host), versions=host.versions | counting.versions(), rows=found)
    print(table(), end="")


def measure(networks: Sequence[str], scratch: Path) -> Iterator[Row]:
    """A row for each network and rewriting: thousands of instructions on each CPU."""
    np.save(scratch / "image.npy", load(MNIST).test.images[:1])
    packages = emulator.install_project(scratch / "installed")["EDGECNN_PACKAGES"]
    board = Board(Path(packages), scratch / "image.npy")
    made = {
        f"{network}/{rewriting}": quantized(network, rewriting, scratch / network / str(number))
        for network in networks
        for number, rewriting in enumerate((AS_EXPORTED, *REWRITINGS))
    }
    counts = {
        cpu: counted({name: folder / file for name, folder in made.items()}, cpu, board) for cpu, file in FILES.items()
    }
    for name in made:
        network, _, rewriting = name.partition("/")
        yield {"network": network, "rewriting": rewriting, "cpus": {cpu: counts[cpu][name] for cpu in FILES}}


def quantized(network: str, rewriting: str, folder: Path) -> Path:
    """A folder with the network's int8 files, made by the rule for what cannot be timed, but with this rewriting."""
    folder.mkdir(parents=True)
    source = ModelFolder(SHIPPED_MODELS / network)
    for path in (source.card_path, source.onnx("float32")):
        shutil.copy(path, folder)
    ruled, search.UNTIMED = search.UNTIMED, (rewriting,)
    try:
        for target in TARGETS.values():
            edgecnn.quantize(folder, target=target, data=MNIST)
    finally:
        search.UNTIMED = ruled
    print(f"{network}, {rewriting}: quantized", file=sys.stderr, flush=True)
    return folder


def counted(files: dict[str, Path], cpu: str, board: Board) -> dict[str, int]:
    """By name, the instructions of one inference."""
    contenders = [replace(_contender(path), name=name) for name, path in files.items()]
    answers = instructions.in_one_process(contenders, cpu, board)
    print(f"{cpu}: counted", file=sys.stderr, flush=True)
    return {name: answer["model"] for name, answer in answers.items()}


def _contender(path: Path) -> Contender:
    [entry] = start_list([str(path)], threads=1, batch=1, runtimes=["onnxruntime"])
    [contender] = entry.contenders
    return contender


def table() -> str:
    """The results in `layouts.json`, as a Markdown table."""
    found = read_result(RESULTS)
    rows: list[dict[str, Any]] = found["rows"]
    cells = [
        (f"`{row['network']}`", row["rewriting"], *(f"{row['cpus'][cpu] / 1000:,.0f}" for cpu in FILES)) for row in rows
    ]
    notes = [
        "Thousands of executed instructions for one warm inference of one image, the call from Python included. This "
        "is not time.",
        found["host"],
    ]
    return markdown.table(HEADINGS, cells, notes, words=2)
