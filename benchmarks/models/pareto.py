"""Search for small networks, and compare the recipes with them: train [NAME ...] | time | draw

    train [NAME ...]  trains each candidate for EPOCHS epochs with each of SEEDS, and measures its validation accuracy.
                      The test images are not used. Finished trainings are not repeated. Each takes 1 to 2 minutes.
    time              times every network at batch 1, in one interleaved run: float32, and int8 as chosen by the rule
                      for any processor. The networks are untrained, as latency does not depend on weights. Takes 3
                      minutes. Close other programs first.
    draw              draws benchmarks/results/pareto.png and prints the table.

Results go to benchmarks/results/pareto.json as soon as they are measured.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.lib import paths
from benchmarks.lib.results import read_result, update_result
from benchmarks.models import pareto_figure
from edgecnn.card import versions
from edgecnn.data import Dataset, load
from edgecnn.files import atomic
from edgecnn.folder import ModelFolder
from edgecnn.host.machine import this_host
from edgecnn.layers import Conv, Dense, Layer, Output, Pool
from edgecnn.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from edgecnn.training.trainer import Trainer

RESULTS = paths.RESULTS / "pareto.json"
PICTURE = paths.RESULTS / "pareto.png"
EPOCHS, SEEDS = 4, (0, 1)
ROUNDS, SECONDS = 8, 1.0


def network(text: str) -> tuple[Layer, ...]:
    """Layers from a text such as "5-16/2 3-32 pool": kernel-filters/stride with batch norm; an output is added."""
    return (*map(_layer, text.split()), Output())


def _layer(word: str) -> Layer:
    if word == "pool":
        return Pool()
    kernel, _, rest = word.partition("-")
    filters, _, stride = rest.partition("/")
    return Conv(int(filters), int(kernel), stride=int(stride or 1), batch_norm=True)


# Each differs from another in one thing: depth, width, stem, strides instead of pools, distribution of channels.
CANDIDATES = {
    name: replace(RECIPES["edge"].longer(), name=name, layers=network(text), epochs=EPOCHS, teacher=None)
    for name, text in {
        "nano": "5-8/2 3-16 pool 3-16 3-16 pool",
        "nano, stem 3×3": "3-8/2 3-16 pool 3-16 3-16 pool",
        "nano, one layer less": "5-8/2 3-16 pool 3-24 pool",
        "nano, strides": "5-8/2 3-16/2 3-16 3-16/2",
        "edge": "5-16/2 3-32 pool 3-32 3-32 pool",
        "edge, 24 and 48 channels": "5-16/2 3-24 pool 3-32 3-48 pool",
        "edge, one layer less": "5-16/2 3-32 pool 3-64 pool",
        "edge, strides": "5-16/2 3-24/2 3-32 3-48/2",
        "edge, one layer more": "5-16/2 3-20 3-24 pool 3-32 3-40 pool",
        "edge, full size": "3-8 pool 3-24 3-24 pool 3-32 3-48 pool",
    }.items()
}


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["train", *names]:
            train(names)
        case ["time"]:
            update_result(
                RESULTS, latency=latencies(), host=str(this_host()), versions=versions("edgecnn", "onnxruntime")
            )
        case ["draw"]:
            pareto_figure.draw(pareto_figure.points(read_result(RESULTS), EPOCHS), PICTURE)
            print(table(), end="")
        case _:
            raise SystemExit(__doc__)


def table() -> str:
    """The committed results, as a Markdown table."""
    found = read_result(RESULTS)
    return pareto_figure.table(pareto_figure.points(found, EPOCHS), found["host"])


def train(names: Sequence[str]) -> None:
    for seed in SEEDS:
        for name in names or CANDIDATES:
            found = read_result(RESULTS).get("trainings", {})
            if str(seed) not in found.get(name, {}):
                runs = found.get(name, {}) | {str(seed): trained(name, seed)}
                update_result(RESULTS, trainings=found | {name: runs})


def trained(name: str, seed: int) -> dict[str, Any]:
    row, _ = fitted(CANDIDATES[name], EPOCHS, seed, load())
    print(f"{name}, seed {seed}: {row['correct'] / row['images']:.2%}, {row['seconds']:.0f} s", flush=True)
    return row


def fitted(recipe: Recipe, epochs: int, seed: int, dataset: Dataset) -> "tuple[dict[str, Any], Trainer]":
    """Train without writing files. Returns the last epoch's validation scores, and the trainer."""
    from edgecnn.card import Epoch
    from edgecnn.training.checkpoint import Run
    from edgecnn.training.distillation import teacher_for
    from edgecnn.training.trainer import Trainer

    done = list[Epoch]()
    run = Run(recipe.name, dataset.name, dataset.sha256, epochs, seed, None)
    trainer = Trainer(recipe, dataset, run, teacher_for(recipe, dataset, None))
    while len(done) < epochs:
        done.append(trainer.epoch(done, lambda _: None))
    last, seconds = done[-1], round(sum(epoch.seconds for epoch in done), 1)
    row = {"correct": last.validation_correct, "images": last.validation_images, "loss": last.validation_loss}
    return row | {"seconds": seconds}, trainer


def latencies() -> dict[str, Any]:
    """Each network's parameters and multiply-accumulates, and for each of its files every round's median in µs."""
    from edgecnn.bench.measure import measure
    from edgecnn.bench.pace import paces
    from edgecnn.bench.results import Plan

    with tempfile.TemporaryDirectory(prefix="edgecnn-") as scratch:
        networks = {**CANDIDATES, **{name: plain(recipe) for name, recipe in RECIPES.items()}}
        folders = {str(number): name for number, name in enumerate(networks)}
        found = {name: untrained(networks[name], Path(scratch, number)) for number, name in folders.items()}
        bench = measure(
            [Path(scratch, number) for number in folders],
            Plan(rounds=ROUNDS, duration=SECONDS),
            runtimes=["onnxruntime"],
        )
    for item in bench.measurements:
        model = Path(item.contender.model)
        network = folders[model.parent.name if model.suffix == ".onnx" else model.name]
        found[network][item.contender.variant] = [round(ns / 1000, 3) for _, ns in sorted(paces(item).items())]
    return found


def plain(recipe: Recipe) -> Recipe:
    """The recipe with Keras's initial weights.

    Before training, a source's own initial weights can give logits so large that the export cannot be verified.
    """
    layers = tuple(
        replace(layer, weights=None, biases=None) if isinstance(layer, Conv | Dense | Output) else layer
        for layer in recipe.layers
    )
    return replace(recipe, layers=layers)


def untrained(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Export and quantize a network with its initial weights."""
    import edgecnn
    from edgecnn.info import inspect
    from edgecnn.training import networks

    model = networks.build(
        replace(recipe, name="candidate"), (28, 28), 10
    )  # TensorFlow does not allow commas in a name
    with atomic(ModelFolder(folder).keras) as path:
        model.save(path)
    exported = edgecnn.export(folder, data="mnist")
    edgecnn.quantize(folder, scheme="static", target="any", data="mnist")
    (float32,) = inspect(exported.path)
    return {"parameters": float32.graph["parameters"], "macs": float32.graph["macs"]}
