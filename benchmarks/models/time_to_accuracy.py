"""Measure how long a training takes to reach an accuracy: [SCHEDULE-SEED ...]

The schedules are `adventures`, as its source states it; `edge-short`, which is `edgecnn train --epochs 2 --no-augment`
(two epochs are too few to learn augmented images); `edge`, which is `edgecnn train`; and `accurate`, which is `edgecnn
train --recipe accurate`. They take turns, each seed in its own process. The figure is the wall time from building the
network to the end of the first epoch with a test accuracy of 98.85 % (and of each other of ACCURACIES). The time of
scoring the test images, which a training does not need, is left out; validation is included. The test images choose
nothing: the schedules were chosen on validation images. Each row is written to
benchmarks/results/time_to_accuracy.json when it is measured; other rows are kept. About eight minutes per seed.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import hosts, read_result, replace_row, timed_here
from edgecnn.card import versions

RESULTS = paths.RESULTS / "time_to_accuracy.json"
SLOW, FAST = "adventures", "edge-short"
ACCURACIES = (0.9885, 0.99, 0.994, 0.997)
JUDGED = (0.9885, 0.99)  # those that SLOW comes near
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Schedule:
    """A recipe, and the number of epochs if it is not the recipe's own."""

    recipe: str
    epochs: int | None = None
    augment: bool = True


SCHEDULES = {
    SLOW: Schedule("adventures"),  # which has no augmentation
    FAST: Schedule("edge", epochs=2, augment=False),
    "edge": Schedule("edge"),
    "accurate": Schedule("accurate"),
}


def main(arguments: Sequence[str]) -> None:
    if len(arguments) > 1 and arguments[0] == "--one":
        print(json.dumps(list(epochs(arguments[1], int(arguments[2])))))
        return
    for seed in SEEDS:
        for name in SCHEDULES:
            if not arguments or f"{name}-{seed}" in arguments:
                store(measured(name, seed))
    print(table(), end="")


def measured(name: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "time-to-accuracy", "--one", name, str(seed)]
    done = subprocess.run(command, cwd=paths.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return {"schedule": name, "seed": seed, "epochs": json.loads(done.stdout.splitlines()[-1])}


def epochs(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """A row per epoch of a schedule, until the highest accuracy is reached.

    It has the seconds since the start and the number of test images labeled correctly.
    """
    from edgecnn.data import load
    from edgecnn.recipes import RECIPES
    from edgecnn.training.backend import tensorflow
    from edgecnn.training.checkpoint import Run
    from edgecnn.training.trainer import Trainer, mean_cross_entropy

    schedule, dataset = SCHEDULES[name], load()
    recipe = RECIPES[schedule.recipe]
    count = schedule.epochs or recipe.epochs
    tensorflow("training")  # imported before the clock starts, as it is the same for both
    started, scoring = time.perf_counter(), 0.0
    done: list[Any] = []
    run = Run(recipe.name, dataset.name, dataset.sha256, count, seed, limit=None, augment=schedule.augment)
    trainer = Trainer(recipe, dataset, run)
    while len(done) < count:
        done.append(trainer.epoch(done, lambda _: None))
        ended = time.perf_counter()
        test = mean_cross_entropy(trainer.evaluate(dataset.test), dataset.test)[1]
        row = {"seconds": round(ended - started - scoring, 2), "correct": test.correct, "images": test.images}
        scoring += time.perf_counter() - ended
        yield row
        if test.value >= max(ACCURACIES):
            return


def store(row: dict[str, Any]) -> None:
    packages = versions("edgecnn", "tensorflow", "keras")
    keys = ("schedule", "seed")
    replace_row(RESULTS, "trainings", timed_here(row), keys, itemgetter(*keys), versions=packages)


def reached(training: dict[str, Any], accuracy: float) -> tuple[float, bool]:
    """The seconds to an accuracy and True; if it was not reached, the whole training's seconds and False."""
    for epoch in training["epochs"]:
        if epoch["correct"] >= accuracy * epoch["images"]:
            return epoch["seconds"], True
    return training["epochs"][-1]["seconds"], False


def times(trainings: list[dict[str, Any]], name: str, accuracy: float) -> tuple[list[float], bool]:
    """A schedule's seconds to an accuracy, one value per seed, and whether all seeds reached it."""
    found = [reached(training, accuracy) for training in trainings if training["schedule"] == name]
    return [seconds for seconds, _ in found], all(whether for _, whether in found)


def table() -> str:
    """The results in `time_to_accuracy.json`, as a Markdown table."""
    found = read_result(RESULTS)
    headings = ["recipe", "schedule", "seeds", *(f"seconds to {accuracy:.2%}" for accuracy in ACCURACIES)]
    measured = {training["schedule"] for training in found["trainings"]}
    rows = [_cells(name, found["trainings"]) for name in SCHEDULES if name in measured]
    return markdown.table(headings, rows, [f"Median over the seeds (range); {hosts(found['trainings'])}"])


def _cells(name: str, trainings: list[dict[str, Any]]) -> list[str]:
    seeds = sum(training["schedule"] == name for training in trainings)
    seconds = [_seconds(*times(trainings, name, accuracy)) for accuracy in ACCURACIES]
    return [f"`{SCHEDULES[name].recipe}`", _schedule(SCHEDULES[name]), str(seeds), *seconds]


def _schedule(schedule: Schedule) -> str:
    from edgecnn.recipes import RECIPES

    return f"{schedule.epochs or RECIPES[schedule.recipe].epochs} epochs" + (
        "" if schedule.augment else ", as they are"
    )


def _seconds(seconds: list[float], all_reached: bool) -> str:
    spread = f"{statistics.median(seconds):.1f} ({min(seconds):.1f}–{max(seconds):.1f})"
    return spread if all_reached else f"not reached by every seed in {spread}"
