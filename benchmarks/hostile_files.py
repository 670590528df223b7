"""What memory commands take for files that ask for much of it: [NAME ...] [--only-new]

Makes files that are large, or that would become large, one after another in a temporary folder: pictures, data sets,
reports, cards and models. Each is given to a command in a process of its own. It must be read, or refused in one line.
The peak is that of the command's largest process, in MB of 1,000,000 bytes. NAMEs are words that a file's name or its
group contains; the default is all. With --only-new, files are left out that were measured before. The makers need up to
2 GB of memory and of disk.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile import png
from benchmarks.hostile.cases import GROUPS, PICTURE, Case, cases
from benchmarks.lib import markdown
from benchmarks.lib.paths import RESULTS, ROOT
from benchmarks.lib.results import Row, read_result, replace_row
from benchmarks.lib.revision import commit, today

FILE = RESULTS / "hostile_files.json"
KEYS = ("group", "name", "command")
SECONDS = 600.0  # of a command
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in which the system counts a peak
HEADINGS = ("files", "commands", "read", "refused in one line", "anything else", "largest peak, MB", "of", "longest, s")


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, stderr, peak in bytes, and seconds of processor time and of the clock."""

    code: int
    words: str
    peak: int
    processor: float
    seconds: float

    @property
    def result(self) -> str:
        """Either "read", or "refused", or what is wrong."""
        errors = [line for line in self.words.splitlines() if line.startswith("error: ")]
        if "Traceback" in self.words or self.code not in (0, 1, 2) or len(errors) != (self.code != 0):
            return f"exit code {self.code}: {self.words[-300:]}"
        return "refused" if errors else "read"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks hostile-files")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--only-new", action="store_true")
    given = parser.parse_args(arguments)
    for case in wanted(given.names, only_new=given.only_new):
        row = measured(case)
        replace_row(FILE, "rows", row, KEYS, order)
        print(
            f"{row['group']}: {row['name']}: {row['result']}, {row['peak_mb']} MB, {row['processor_s']} s", flush=True
        )


def wanted(names: Sequence[str], *, only_new: bool) -> Iterator[Case]:
    known = {tuple(row[key] for key in KEYS) for row in read_result(FILE).get("rows", [])} if only_new else set()
    for case in cases():
        is_named = not names or any(name in f"{case.group}: {case.name}" for name in names)
        if is_named and (case.group, case.name, case.command[0]) not in known:
            yield case


def order(row: Row) -> tuple[int, str, str]:
    return list(GROUPS).index(row["group"]), row["name"], row["command"]


def measured(case: Case) -> Row:
    """Make a file, give it to its command, and delete it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made, work = place / case.file, place / "work"
        work.mkdir()
        png.write(work / PICTURE, 28, 28)
        # By a process of its own: the system counts a process's peak from what its parent has.
        maker = multiprocessing.get_context("spawn").Process(target=case.make, args=(made,))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise RuntimeError(f"{case.name} could not be made")
        size = sum(path.stat().st_size for path in (made, *made.rglob("*")) if path.is_file())
        outcome = run(case.at(made), work)
    return as_row(case, size, outcome)


def run(arguments: Sequence[str], folder: Path) -> Outcome:
    """Run edgecnn with these arguments in a folder, with caches and temporary files of its own."""
    environment = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder), "TMPDIR": str(folder)}
    environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        command = [sys.executable, "-m", "edgecnn", *arguments]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        late = threading.Timer(SECONDS, process.kill)
        late.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        late.cancel()
        said.seek(0)
        words, seconds = said.read().decode(errors="replace"), time.monotonic() - began
    return Outcome(process.returncode, words, usage.ru_maxrss * UNIT, usage.ru_utime + usage.ru_stime, seconds)


def as_row(case: Case, size: int, outcome: Outcome) -> Row:
    errors = [line for line in outcome.words.splitlines() if line.startswith("error: ")]
    return {
        "group": case.group,
        "name": case.name,
        "command": case.command[0],
        "bytes": size,
        "result": outcome.result,
        "message": (errors[-1] if errors else "")[:300],
        "peak_mb": round(outcome.peak / 1e6),
        "processor_s": round(outcome.processor, 1),
        "seconds": round(outcome.seconds, 1),
        "date": today(),
        "commit": commit(),
    }


def table() -> str:
    rows = read_result(FILE).get("rows", [])
    by_group = [line(name, [row for row in rows if row["group"] == name]) for name in GROUPS]
    note = "The peak is that of the largest process, in MB of 1,000,000 bytes; the time is processor time."
    return markdown.table(HEADINGS, [cells for cells in by_group if cells], [note])


def line(name: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    results = [row["result"] for row in rows]
    most = max(rows, key=lambda row: row["peak_mb"])
    counts = [len(rows), results.count("read"), results.count("refused")]
    others = len(rows) - counts[1] - counts[2]
    longest = max(row["processor_s"] for row in rows)
    return [name, *map(str, (*counts, others)), f"{most['peak_mb']:,}", most["name"], f"{longest:.1f}"]
