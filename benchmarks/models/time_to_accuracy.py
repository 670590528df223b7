"""Measure how long a training takes to reach an accuracy: [RECIPE-SEED ...]

Compares `adventures`, with its source's schedule, and `edge`, with a short schedule: `edgecnn train --recipe edge
--epochs 2 --no-augment` (two epochs are too few to learn augmented images). They take turns, each seed in its own
process. The figure is the wall time from building the network to the end of the first epoch with a test accuracy of
98.85 % (and 99.0 %). The time of scoring the test images, which a training does not need, is left out; validation is
included. The test images choose nothing: the short schedule was chosen on validation images. Each row is written to
benchmarks/results/time_to_accuracy.json when it is measured; other rows are kept. About four minutes per seed.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, replace_row
from edgecnn.card import versions
from edgecnn.host.machine import this_host

RESULTS = paths.RESULTS / "time_to_accuracy.json"
SLOW, FAST = "adventures", "edge"
EPOCHS = {SLOW: None, FAST: 2}  # None: the recipe's own
ACCURACIES = (0.9885, 0.99)
SEEDS = (0, 1, 2)


def main(arguments: Sequence[str]) -> None:
    if len(arguments) > 1 and arguments[0] == "--one":
        print(json.dumps(list(epochs(arguments[1], int(arguments[2])))))
        return
    for seed in SEEDS:
        for recipe in EPOCHS:
            if not arguments or f"{recipe}-{seed}" in arguments:
                store(measured(recipe, seed))
    print(table(), end="")


def measured(recipe: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "time-to-accuracy", "--one", recipe, str(seed)]
    done = subprocess.run(command, cwd=paths.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return {"recipe": recipe, "seed": seed, "epochs": json.loads(done.stdout.splitlines()[-1])}


def epochs(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """A row per epoch, until the highest accuracy is reached.

    It has the seconds since the start and the number of test images labeled correctly.
    """
    from edgecnn.data import load
    from edgecnn.recipes import RECIPES
    from edgecnn.training.backend import tensorflow
    from edgecnn.training.checkpoint import Run
    from edgecnn.training.trainer import Trainer, mean_cross_entropy

    recipe, dataset = RECIPES[name], load()
    count = EPOCHS[name] or recipe.epochs
    tensorflow("training")  # imported before the clock starts, as it is the same for both
    started, scoring = time.perf_counter(), 0.0
    done: list[Any] = []
    run = Run(
        name, dataset.name, dataset.sha256, count, seed, limit=None, augment=False
    )  # `adventures` has no augmentation anyway
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
    keys = ("recipe", "seed")
    replace_row(RESULTS, "trainings", row, keys, itemgetter(*keys), host=str(this_host()), versions=packages)


def reached(training: dict[str, Any], accuracy: float) -> tuple[float, bool]:
    """The seconds to an accuracy and True; if it was not reached, the whole training's seconds and False."""
    for epoch in training["epochs"]:
        if epoch["correct"] >= accuracy * epoch["images"]:
            return epoch["seconds"], True
    return training["epochs"][-1]["seconds"], False


def times(trainings: list[dict[str, Any]], recipe: str, accuracy: float) -> tuple[list[float], bool]:
    """A recipe's seconds to an accuracy, one value per seed, and whether all seeds reached it."""
    found = [reached(training, accuracy) for training in trainings if training["recipe"] == recipe]
    return [seconds for seconds, _ in found], all(whether for _, whether in found)


def table() -> str:
    """The results in `time_to_accuracy.json`, as a Markdown table."""
    found = read_result(RESULTS)
    headings = ["recipe", "schedule", "seeds", *(f"seconds to {accuracy:.2%}" for accuracy in ACCURACIES)]
    rows = [_cells(recipe, found["trainings"]) for recipe in EPOCHS]
    return markdown.table(headings, rows, [f"Median over the seeds (range); {found['host']}"])


def _cells(recipe: str, trainings: list[dict[str, Any]]) -> list[str]:
    seeds = sum(training["recipe"] == recipe for training in trainings)
    seconds = [_seconds(*times(trainings, recipe, accuracy)) for accuracy in ACCURACIES]
    return [f"`{recipe}`", f"{_schedule(recipe)} epochs", str(seeds), *seconds]


def _schedule(recipe: str) -> int:
    from edgecnn.recipes import RECIPES

    return EPOCHS[recipe] or RECIPES[recipe].epochs


def _seconds(seconds: list[float], all_reached: bool) -> str:
    spread = f"{statistics.median(seconds):.1f} ({min(seconds):.1f}–{max(seconds):.1f})"
    return spread if all_reached else f"not reached by every seed in {spread}"
