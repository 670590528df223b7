"""Count the instructions that a Raspberry Pi executes for one inference: [NETWORK ...]

Each NETWORK is one of ours or a reference recipe, which is trained for one epoch if it has not been trained. Without
one, ours and `adventures` are counted. Its float32 and int8 files run in onnxruntime, and what is converted from it in
LiteRT, ncnn and MNN: the real aarch64 packages, one thread, one image, on the emulated Cortex-A72 (Pi 4) and Cortex-A76
(Pi 5). After a warm-up, qemu counts N and then 2N inferences; the difference divided by N is one inference, call and
Python included. An empty model, run the same way, shows what the call alone takes. All is counted twice, in two
processes; if the two differ by more than TOLERANCE, the program fails.

This is not time: an instruction may take a fraction of a cycle or wait for memory for hundreds. But the count is the
same on any machine and under any load. Takes about 10 minutes. The rows go to benchmarks/results/instructions.json.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import edgecnn
from benchmarks.devices import arm64, counting, emulator
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, replace_row
from benchmarks.models import publish, reference_recipes
from edgecnn.bench.contenders import COMPILED, Contender, start_list
from edgecnn.bench.converted_files import converted
from edgecnn.data import MNIST, load
from edgecnn.files import sha256
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.host.machine import this_host
from edgecnn.quantizing.schemes import Target

RESULTS = paths.RESULTS / "instructions.json"
NAMES = (*publish.NAMES, "adventures")
RUNTIMES = ("onnxruntime", "litert", "ncnn", "mnn")
INFERENCES = 10
TOLERANCE = 0.002  # addresses differ between two processes, and with them a few instructions in a thousand at most
SECONDS = 1800
FLOAT32 = "model.onnx"
FILES = (FLOAT32, "model.int8.onnx", "model.int8.arm64.onnx")
HEADINGS = ("network", "runtime", "file or precision", "Cortex-A72", "×", "Cortex-A76", "×")
PROGRAM = Path(__file__).with_name("counted.py")


def main(arguments: Sequence[str]) -> None:
    counting.prepare()
    networks = {name: folder_of(name) for name in arguments or NAMES}
    with tempfile.TemporaryDirectory() as scratch:
        for name, rows in measure(networks, Path(scratch)).items():
            store(name, rows)
    print(table(), end="")


def folder_of(name: str) -> ModelFolder:
    """The shipped network, or a reference recipe's with all the files that are shipped of one."""
    if name in publish.NAMES:
        return ModelFolder(SHIPPED_MODELS / name)
    folder = arm64.trained(name)
    if not folder.onnx("float32").exists():
        reference_recipes.run("export", str(folder.path))
    made: Mapping[Target, str] = {"x86-64": "int8", "arm64": "int8-arm64"}
    for target, precision in made.items():
        if not folder.onnx(precision).exists():
            edgecnn.quantize(folder.path, target=target, data=MNIST)
    return folder


def measure(networks: Mapping[str, ModelFolder], scratch: Path) -> dict[str, list[Row]]:
    """By network, a row for each contender. `scratch` is an empty folder."""
    np.save(scratch / "image.npy", load(MNIST).test.images[:1])
    packages = emulator.install_project(scratch / "installed")["EDGECNN_PACKAGES"]
    board = Board(Path(packages), scratch / "image.npy")
    rows: dict[str, dict[str, Row]] = {}
    contenders: list[Contender] = []
    for name, folder in networks.items():
        found, reasons = contenders_of(folder, scratch / name)
        rows[name] = {item.name: row_of(item, reasons) for item in found}
        contenders += [replace(item, name=f"{name}/{item.name}") for item in found if item.file.exists()]
    for cpu in emulator.CPUS:
        for path, counts in counted(contenders, cpu, board).items():
            name, _, contender = path.partition("/")
            rows[name][contender]["cpus"][cpu] = counts
    return {name: list(found.values()) for name, found in rows.items()}


def contenders_of(folder: ModelFolder, scratch: Path) -> tuple[list[Contender], Mapping[Any, str]]:
    """The ONNX files, and what is converted from them; and by runtime, why a converted file is missing."""
    files = [str(folder.onnx(precision)) for precision in ("float32", "int8", "int8-arm64")]
    entries = start_list(files, threads=1, batch=1, runtimes=["onnxruntime"])
    own = [item for entry in entries for item in entry.contenders]
    [entry] = start_list([folder.path], threads=1, batch=1, runtimes=RUNTIMES[1:])
    others, reasons = converted(entry, load(MNIST), scratch, SECONDS)
    return [*own, *others], reasons


def row_of(contender: Contender, reasons: Mapping[Any, str]) -> Row:
    row: Row = {"runtime": contender.runtime, "variant": contender.variant, "cpus": {}}
    if not contender.file.exists():
        return row | {"failure": reasons.get(contender.runtime, "not converted")}
    if contender.runtime == "onnxruntime":
        return row | {"file": contender.file.name, "sha256": sha256(contender.file)}
    return row


@dataclass(frozen=True)
class Board:
    """What the emulated Pi runs: the folder with the installed edgecnn, and a file with the image."""

    packages: Path
    image: Path


def counted(contenders: Sequence[Contender], cpu: str, board: Board) -> dict[str, Row]:
    """What was counted for each contender on one CPU, or why it failed there. Each runtime has a process of its own."""
    groups: dict[tuple[str, bool], list[Contender]] = defaultdict(list)
    for item in contenders:
        groups[item.runtime, item.variant.endswith(COMPILED)].append(item)
    found: dict[str, Row] = {}
    for group in groups.values():
        once, again = (in_one_process(group, cpu, board) for _ in range(2))
        found |= {item.name: agreed(item.name, once[item.name], again[item.name]) for item in group}
        print(f"{cpu}: {group[0].runtime}", file=sys.stderr, flush=True)
    return found


def in_one_process(contenders: Sequence[Contender], cpu: str, board: Board) -> dict[str, Row]:
    """By name, the label and the instructions of the model and of an empty one.

    Where one ends the process, another process runs those after it. A runtime that ends it at once cannot run here.
    """
    plain = [asdict(item) | {"file": str(item.file)} for item in contenders]
    task = json.dumps({"contenders": plain, "image": str(board.image)})
    done, counts = counting.run(cpu, [str(PROGRAM), str(INFERENCES)], board.packages, task, SECONDS)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {answer.pop("name"): with_counts(answer, counts) for answer in answers}
    missing = [item for item in contenders if item.name not in found]
    if missing:
        after = missing[1:] if found else []
        found |= {item.name: {"failure": ended(done)} for item in missing}
        found |= in_one_process(after, cpu, board) if after else {}
    return found


def ended(done: subprocess.CompletedProcess[str]) -> str:
    """Why a process ended: the signal's name in words, or the last line of what it said."""
    if done.returncode < 0:
        return str(signal.strsignal(-done.returncode)).lower()
    return "".join(done.stderr.strip().splitlines()[-1:]) or f"exit code {done.returncode}"


def with_counts(answer: Row, counts: Sequence[int]) -> Row:
    """Marks replaced by the instructions of one inference: what 2N executed more than N, divided by N."""
    names = [name for name in ("model", "empty") if name in answer]
    return answer | {name: per_inference([counts[mark] for mark in answer[name]]) for name in names}


def per_inference(marks: Sequence[int], inferences: int = INFERENCES) -> int:
    """From the count before N inferences, after them, and after 2N more. What a mark itself costs falls out."""
    start, middle, end = marks
    return round(((end - middle) - (middle - start)) / inferences)


def agreed(name: str, once: Row, again: Row) -> Row:
    """Both counts of each, [first, second]. Ends the program if they differ by more than TOLERANCE."""
    if "failure" in once or "failure" in again:
        return {"failure": once.get("failure") or again["failure"]}
    both = {key: [once[key], again[key]] for key in ("model", "empty")}
    least, most = sorted(both["model"])
    if most > least * (1 + TOLERANCE):
        sys.exit(f"error: {name} took {least:,} and {most:,} instructions: not the same count twice")
    return once | both


def store(name: str, rows: Sequence[Row]) -> None:
    host = this_host()
    about = {"host": str(host), "versions": host.versions | counting.versions(), "inferences": INFERENCES}
    row = {"network": name, **about, "tolerance": TOLERANCE, "contenders": rows}
    replace_row(RESULTS, "networks", row, ("network",), lambda item: NAMES.index(item["network"]))


def table() -> str:
    """The results in `instructions.json`, as a Markdown table."""
    return table_of(read_result(RESULTS)["networks"])


def table_of(networks: Sequence[Row]) -> str:
    cells = [_cells(network, row) for network in networks for row in network["contenders"]]
    return markdown.table(HEADINGS, cells, notes_of(networks), words=3)


def _cells(network: Row, row: Row) -> list[str]:
    name = f"`{row['file']}`" if "file" in row else row["variant"]
    parts = [part for cpu in emulator.CPUS for part in _counts(network, row, cpu)]
    return [f"`{network['network']}`", row["runtime"], name, *parts]


def _counts(network: Row, row: Row, cpu: str) -> tuple[str, str]:
    """Thousands of instructions, and how many times those of the float32 file in onnxruntime."""
    here = row["cpus"].get(cpu, {"failure": row.get("failure", "")})
    if "failure" in here:
        return here["failure"], "–"
    return f"{fmean(here['model']) / 1000:,.0f}", f"{fmean(here['model']) / of_file(network, FLOAT32, cpu):.2f}"


def of_file(network: Row, file: str, cpu: str) -> float:
    [row] = [row for row in network["contenders"] if row.get("file") == file]
    return fmean(row["cpus"][cpu]["model"])


def notes_of(networks: Sequence[Row]) -> list[str]:
    counts = [here for item in networks for row in item["contenders"] for here in row["cpus"].values()]
    pairs = [pair for here in counts if "failure" not in here for pair in [here["model"]]]
    furthest = max((max(pair) / min(pair) - 1 for pair in pairs), default=0)
    about = networks[0]
    return [
        "Thousands of executed instructions for one warm inference of one image, one thread, the call from Python "
        "included; ×: beside the float32 file in onnxruntime. This is not time.",
        f"Each was counted in two processes, which differ by at most {furthest:.2%}.",
        *(fewest(networks, cpu) for cpu in emulator.CPUS),
        "; ".join([about["host"], *(f"{name} {number}" for name, number in about["versions"].items())]),
    ]


def fewest(networks: Sequence[Row], cpu: str) -> str:
    """Which of onnxruntime's files executes the fewest instructions, and which one edgecnn's rule runs."""
    told = [_told(item, cpu) for item in networks]
    return f"{cpu}, fewest instructions in onnxruntime: {'; '.join(told)}."


def _told(network: Row, cpu: str) -> str:
    best = min(FILES, key=lambda file: of_file(network, file, cpu))
    [ruled] = {row["cpus"][cpu]["chosen"] for row in network["contenders"] if "file" in row}
    more = of_file(network, ruled, cpu) / of_file(network, best, cpu) - 1
    told = f"`{network['network']}` `{best}`"
    return told if best == ruled else f"{told}, where the rule runs `{ruled}` with {more:.0%} more"
