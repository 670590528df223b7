"""What makes training fast, measured: python benchmarks/training_speed.py

A step of `edge` as it is trained, and with one thing changed each: the fused batch norm, the memory that glibc keeps,
the batch size, augmentation. Every variant has a process of its own in each of ROUNDS rounds, in turn; the figure is
the time of an epoch's 55,000 images at the median step. Results go to benchmarks/results/training_speed.json. Four
minutes, in which nothing else should run.

XLA is not among them, for it cannot compile the step: it has no kernel for the distortion, and none for the gradient of
a max pool that is the same each time (TensorFlow 2.21).
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import published
import stored

from edgecnn.card import versions
from edgecnn.host.machine import this_host
from edgecnn.recipes import RECIPES, Recipe

RESULTS = published.RESULTS.with_name("training_speed.json")
ROUNDS, IMAGES = 3, 8192
EDGE = RECIPES["edge"]
AS_IT_IS = "as it is"
VARIANTS: dict[str, Recipe] = {
    AS_IT_IS: EDGE,
    "batch norm by Keras": EDGE,
    "freed memory given back": EDGE,
    "without augmentation": replace(EDGE, augmentation=None),
    "batches of 64": replace(EDGE, batch_size=64),
    "batches of 256": replace(EDGE, batch_size=256),
    "batches of 512": replace(EDGE, batch_size=512),
}


def main(arguments: list[str]) -> None:
    if arguments:
        print(json.dumps(step_seconds(arguments[0])))
        return
    found: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name in VARIANTS:
            command = [sys.executable, __file__, name]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    stored.update(
        RESULTS, host=str(this_host()), versions=versions("edgecnn", "tensorflow", "keras"), epoch_seconds=found
    )
    print(table(), end="")


def step_seconds(name: str) -> float:
    """The seconds of an epoch at the median step of one variant, after a warm-up."""
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
    trainer = Trainer(recipe, dataset, Run("edge", dataset.source, dataset.sha256, 1, 0, None))
    times = []
    for number, positions in enumerate(trainer._batches(1)[: 5 + IMAGES // recipe.batch_size]):
        started = time.perf_counter()
        trainer._fit(positions, number)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times[5:]) * len(dataset.train) / recipe.batch_size, 3)


def table() -> str:
    """What `training_speed.json` holds, in Markdown."""
    found = stored.read(RESULTS)
    usual = found["epoch_seconds"][AS_IT_IS]
    lines = ["| training of `edge` | an epoch's images, s | against as it is |", "|---|---:|---:|"]
    for name, seconds in found["epoch_seconds"].items():
        ratio = statistics.median(one / other for one, other in zip(seconds, usual, strict=True))
        lines.append(f"| {name} | {statistics.median(seconds):.2f} | {ratio:.2f}× |")
    return "\n".join([*lines, "", f"Medians of {ROUNDS} rounds, each variant in turn; {found['host']}"]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
