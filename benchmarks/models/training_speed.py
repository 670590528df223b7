"""Measure what makes training fast: a step of `edge` with one change at a time

Times a training step unchanged, and with one change each: batch norm by Keras instead of fused, freed memory given back
to the system, no augmentation, other batch sizes. The variants take turns in ROUNDS rounds, each time in a new process.
The figure is the time for an epoch's 55,000 images, at the median step. Results go to
benchmarks/results/training_speed.json. Takes 4 minutes. Close other programs first.

XLA is not tried, because it cannot compile the step: it has no kernel for the augmentation, and no deterministic one
for the gradient of max pooling (TensorFlow 2.21).
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, update_result
from edgecnn.card import versions
from edgecnn.host.machine import this_host
from edgecnn.progress import Progress
from edgecnn.recipes import RECIPES, Recipe

RESULTS = paths.RESULTS / "training_speed.json"
ROUNDS, IMAGES = 3, 8192
WARM_UP = 5  # steps
EDGE = RECIPES["edge"]
AS_IT_IS = "as it is"
VARIANTS: dict[str, Recipe] = {
    AS_IT_IS: EDGE,
    "batch norm by Keras": EDGE,
    "freed memory given back": EDGE,
    "without augmentation": replace(EDGE, augmentation=None),
    "augmentation of --long": replace(EDGE, augmentation=EDGE.longer().augmentation),
    "batches of 64": replace(EDGE, batch_size=64),
    "batches of 128": replace(EDGE, batch_size=128),
    "batches of 512": replace(EDGE, batch_size=512),
}


def main(arguments: Sequence[str]) -> None:
    if arguments:
        print(json.dumps(step_seconds(arguments[0])))
        return
    found: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name in VARIANTS:
            command = [sys.executable, "-m", "benchmarks", "training-speed", name]
            done = subprocess.run(command, cwd=paths.ROOT, check=True, stdout=subprocess.PIPE, text=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    update_result(
        RESULTS, host=str(this_host()), versions=versions("edgecnn", "tensorflow", "keras"), epoch_seconds=found
    )
    print(table(), end="")


class Enough(Exception):  # noqa: N818 (nothing went wrong)
    """Ends an epoch once enough steps have been timed."""


def step_seconds(name: str) -> float:
    """A variant's seconds per epoch, from its median step after a warm-up."""
    from edgecnn.data import load
    from edgecnn.training import networks
    from edgecnn.training import trainer as module
    from edgecnn.training.checkpoint import Run
    from edgecnn.training.trainer import Trainer

    changes: dict[str, Callable[[], Any]] = {
        "batch norm by Keras": lambda: setattr(networks, "fused_batch_norm", lambda: None),
        "freed memory given back": lambda: setattr(module, "keep_freed_memory", lambda: None),
    }
    changes.get(name, lambda: None)()
    recipe, dataset = VARIANTS[name], load()
    trainer = Trainer(recipe, dataset, Run("edge", dataset.name, dataset.sha256, 1, 0, None))
    times: list[float] = []
    last = WARM_UP + IMAGES // recipe.batch_size

    def timed(_: Progress) -> None:
        times.append(time.perf_counter())
        if len(times) > last:
            raise Enough

    with suppress(Enough):
        trainer.epoch([], timed)
    steps = [after - before for before, after in pairwise(times)][WARM_UP:]
    return round(statistics.median(steps) * len(dataset.train) / recipe.batch_size, 3)


def table() -> str:
    """The results in `training_speed.json`, as a Markdown table."""
    found = read_result(RESULTS)
    usual = found["epoch_seconds"][AS_IT_IS]
    rows = [_cells(name, seconds, usual) for name, seconds in found["epoch_seconds"].items()]
    note = f"Medians of {ROUNDS} rounds, each variant in turn; {found['host']}"
    return markdown.table(("training of `edge`", "time of one epoch, s", "relative to the first row"), rows, [note])


def _cells(name: str, seconds: list[float], usual: list[float]) -> list[str]:
    ratio = statistics.median(one / other for one, other in zip(seconds, usual, strict=True))
    return [name, f"{statistics.median(seconds):.2f}", f"{ratio:.2f}×"]
