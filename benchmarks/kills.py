"""What commands leave when they are killed or stopped at random moments: whole folders, no process, one line.

python -m benchmarks kills [--count N] [--minutes M] [--seed S]

N kills (150), or as many as fit in M minutes: SIGKILL, SIGTERM and SIGINT over train, export, export --quantize, bench
and predict, in turn. Each moment is drawn with the seed S, by default the time of day. Exit code 1 if anything was
wrong.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks.lib import markdown
from benchmarks.lib.killing import COMMANDS, SIGNALS, Kill, Outcome, Place, carry_out, duration
from benchmarks.lib.paths import RESULTS
from benchmarks.lib.results import Row, read_result, replace_row
from benchmarks.lib.revision import commit, today

FILE = RESULTS / "kills.json"
HEADINGS = (
    *("command", *(signal.name for signal in SIGNALS), "of these, while it ran"),
    *("stopped, and said so", "longest until it ended, s", "anything wrong"),
)
NOTES = ("While Python itself starts, in the first quarter of a second, a signal ends a command without a word.",)
LATEST = 1.05  # of a command's duration: some signals come when it has ended


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kills")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args(arguments)
    end = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as root:
        outcomes = []
        for outcome in all_outcomes(Path(root), given.seed, given.count):
            outcomes.append(outcome)
            tell(len(outcomes), outcome)
            write(outcomes, given.seed)
            if time.monotonic() > end:
                break
    sys.exit(any(outcome.faults for outcome in outcomes))


def all_outcomes(root: Path, seed: int, most: int) -> Iterator[Outcome]:
    """Carry out `most` kills, one after another."""
    base = Place(root / "base")
    base.prepare()
    durations = {command: duration(command, base, root / "place") for command in COMMANDS}
    print(", ".join(f"{command} {seconds:.1f} s" for command, seconds in durations.items()), flush=True)
    for kill in kills(durations, seed, most):
        yield carry_out(kill, base, root / "place")


def kills(durations: dict[str, float], seed: int, most: int) -> Iterator[Kill]:
    """The same seed and durations give the same moments."""
    drawn = random.Random(seed)
    pairs = list(product(COMMANDS, SIGNALS))
    for number in range(most):
        command, signal = pairs[number % len(pairs)]
        yield Kill(command, signal, round(drawn.uniform(0, LATEST * durations[command]), 3))


def tell(number: int, outcome: Outcome) -> None:
    kill = outcome.kill
    verdict = "; ".join(outcome.faults) or "fine"
    print(f"{number}: {kill}: {outcome.code} in {outcome.took:.2f} s: {verdict}", flush=True)
    if outcome.faults:
        print(outcome.words, flush=True)


def write(outcomes: Sequence[Outcome], seed: int) -> None:
    """Put the outcomes of this run in the place of its earlier ones, and count over all runs."""
    run = {"date": today(), "commit": commit(), "seed": seed, "outcomes": [as_row(outcome) for outcome in outcomes]}
    replace_row(FILE, "runs", run, ["seed"], lambda row: row["seed"])


def as_row(outcome: Outcome) -> Row:
    kill = outcome.kill
    faulty = {"faults": outcome.faults, "words": outcome.words} if outcome.faults else {}
    return {
        "command": kill.command,
        "signal": kill.signal.name,
        "seconds": kill.seconds,
        "code": outcome.code,
        "took": round(outcome.took, 2),
        "told": "stopped" in outcome.words,
        **faulty,
    }


def table() -> str:
    runs = read_result(FILE).get("runs", [])
    every = [outcome for run in runs for outcome in run["outcomes"]]
    rows = [row(command, [item for item in every if item["command"] == command]) for command in COMMANDS]
    return markdown.table(HEADINGS, [*rows, row("all", every)], NOTES)


def row(name: str, outcomes: Sequence[Row]) -> list[str]:
    """How often a command met each signal, and what came of it."""
    running = [item for item in outcomes if item["code"] != 0]
    to_tell = [item for item in running if item["signal"] != "SIGKILL"]
    signals = [sum(item["signal"] == signal.name for item in outcomes) for signal in SIGNALS]
    faulty = sum("faults" in item for item in outcomes)
    told, longest = sum(item["told"] for item in to_tell), max((item["took"] for item in to_tell), default=0.0)
    return [name, *map(str, signals), str(len(running)), f"{told} of {len(to_tell)}", f"{longest:.1f}", str(faulty)]
