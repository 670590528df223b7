"""Damage files at random and give them to everything that reads files: [--minutes M] [--seed S] [--reader NAME ...]

Each input must be read, or refused in one line, within 10 seconds of processor time and 400 MB, and without a file
written elsewhere, a program started or a connection made. Runs for M minutes (10) over all readers in turn, or those
named. The seed is by default the time of day. Counts go to benchmarks/results/fuzz.json every minute; inputs that were
not taken well go to build/fuzz/, and the exit code is then 1.

--retry tries again, after they were mended, the inputs that were not taken well in any run, and counts them anew.
--repeat READER NUMBER tries one input again, and writes its files to build/fuzz/.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result, replace_row
from benchmarks.lib.revision import commit, today

sys.path += [str(paths.ROOT / "tests" / name) for name in ("", "bench")]  # where the mutators and the readers are

if TYPE_CHECKING:
    from fuzz.campaign import Outcome, Worker

FILE = paths.RESULTS / "fuzz.json"
KEPT = paths.BUILD / "fuzz"
AT_ONCE = 50  # inputs of one reader, before the next one's turn
SAVING_SECONDS = 60.0
BETWEEN_SEEDS = 10**9  # numbers of inputs
GROUPS = {
    "data sets": ("idx", "npz", "csv", "parquet", "image-folder"),
    "pictures": ("png", "jpg", "gif", "webp", "bmp", "tif"),
    "ONNX files": ("onnx", "onnx-info", "onnx-quantize", "metadata", "commands"),
    "cards, checkpoints, bench reports": ("card", "checkpoint", "compare"),
    "Keras files and SavedModels, inspected": ("keras", "saved-model"),
}
HEADINGS = ("files", "inputs", "read", "refused in one line", "anything else")


@dataclass
class Run:
    """What a run has found so far."""

    seed: int
    commit: str
    date: str = field(default_factory=today)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: "list[Outcome]" = field(default_factory=list)

    def add(self, outcome: "Outcome") -> None:
        self.counts[outcome.reader, outcome.result if outcome.is_clean else "faulty"] += 1
        if not outcome.is_clean:
            self.faults.append(outcome)
            print(f"{outcome.reader} {outcome.number}: {outcome.result}", flush=True)
            keep(outcome.reader, outcome.number)

    def write(self, seconds: float) -> None:
        """Put the counts into the result file, in the place of this run's earlier ones."""
        readers: dict[str, dict[str, int]] = {}
        for (reader, result), number in sorted(self.counts.items()):
            readers.setdefault(reader, {})[result] = number
        head = {"date": self.date, "commit": self.commit, "seed": self.seed, "minutes": round(seconds / 60, 1)}
        found = [f"{one.reader} {one.number}: {one.result[:200]}" for one in self.faults[:50]]
        replace_row(FILE, "runs", {**head, "readers": readers, "faults": found}, ["seed"], lambda row: row["seed"])


def main(arguments: Sequence[str]) -> None:
    from fuzz.readers import READERS

    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--reader", nargs="+", choices=list(READERS), default=list(READERS), metavar="NAME")
    parser.add_argument("--retry", action="store_true")
    parser.add_argument("--repeat", nargs=2, metavar=("READER", "NUMBER"))
    given = parser.parse_args(arguments)
    if given.repeat:
        repeat(given.repeat[0], int(given.repeat[1]))
    elif given.retry:
        retry()
    else:
        run(given.seed, given.minutes, given.reader)


def repeat(reader: str, number: int) -> None:
    from fuzz.campaign import Worker

    print(f"its files are in {keep(reader, number)}")
    with Worker() as worker:
        outcome = worker.attempt(reader, number)
    print(outcome.result)
    sys.exit(not outcome.is_clean)


def retry() -> None:
    from fuzz.campaign import Worker

    with Worker() as worker:
        for past in read_result(FILE).get("runs", []):
            past["faults"] = [fault for fault in past["faults"] if not is_mended(worker, fault, past["readers"])]
            replace_row(FILE, "runs", past, ["seed"], lambda row: row["seed"])


def is_mended(worker: "Worker", fault: str, counts: dict[str, Counter[str]]) -> bool:
    """Try the input of a fault again. If it is taken well now, count it so."""
    reader, number = fault.partition(":")[0].split()
    outcome = worker.attempt(reader, int(number))
    print(f"{reader} {number}: {outcome.result}", flush=True)
    if outcome.is_clean:
        counts[reader] = Counter(counts[reader]) - Counter(["faulty"]) + Counter([outcome.result])
    return outcome.is_clean


def run(seed: int, minutes: float, readers: Sequence[str]) -> None:
    from fuzz.campaign import Worker

    found, start, written = Run(seed, commit()), time.monotonic(), 0.0
    with Worker() as worker:
        for reader, number in inputs(seed, readers):
            found.add(worker.attempt(reader, number))
            seconds = time.monotonic() - start
            if seconds - written > SAVING_SECONDS or seconds > 60 * minutes:
                found.write(written := seconds)
                print(f"{sum(found.counts.values()):,} inputs, {len(found.faults)} faults", flush=True)
            if seconds > 60 * minutes:
                break
    sys.exit(bool(found.faults))


def inputs(seed: int, readers: Sequence[str]) -> Iterator[tuple[str, int]]:
    """A few inputs for each reader in turn, without end. No two seeds share one."""
    for start in count(seed * BETWEEN_SEEDS, AT_ONCE):
        for reader in readers:
            for number in range(start, start + AT_ONCE):
                yield reader, number


def keep(reader: str, number: int) -> Path:
    """Write an input's files, and how to try it again, into a folder of its own."""
    from fuzz.readers import mutant

    folder = KEPT / f"{reader}-{number}"
    for path, content in mutant(reader, number).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    with (KEPT / "commands.txt").open("a", encoding="utf-8") as file:
        file.write(f"python -m benchmarks fuzz --repeat {reader} {number}\n")
    return folder


def table() -> str:
    runs = read_result(FILE).get("runs", [])
    rows = [row(name, readers, runs) for name, readers in GROUPS.items()]
    everything = row("all", [reader for group in GROUPS.values() for reader in group], runs)
    hours = sum(item["minutes"] for item in runs) / 60
    note = f"{hours:.1f} hours of one process, in {len(runs)} run{'s' * (len(runs) != 1)}."
    return markdown.table(HEADINGS, [*rows, everything], [note])


def row(name: str, readers: Sequence[str], runs: Sequence[Row]) -> list[str]:
    counts: Counter[Any] = Counter()
    for item in runs:
        for reader in readers:
            counts.update(item["readers"].get(reader, {}))
    return [name, *(f"{number:,}" for number in (counts.total(), counts["read"], counts["refused"], counts["faulty"]))]
