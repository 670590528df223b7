"""The search for small networks, and where the recipes stand: train [NAME ...] | time | draw

    train [NAME ...]  fits each candidate for EPOCHS epochs with each of SEEDS and counts the validation images right;
                      the test images are not looked at. What is there is not trained again. A minute or two each.
    time              times every network, untrained (latency does not hang on weights), float32 and int8 by rule, all
                      in one interleaved run at batch 1. Three minutes, in which nothing else should run.
    draw              writes benchmarks/results/pareto.png and prints the table.

All goes to benchmarks/results/pareto.json as it comes.
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
from edgecnn.recipes import RECIPES, Conv, Dense, Layer, Output, Pool, Recipe

if TYPE_CHECKING:
    from edgecnn.training.trainer import Trainer

RESULTS = paths.RESULTS / "pareto.json"
PICTURE = paths.RESULTS / "pareto.png"
EPOCHS, SEEDS = 4, (0, 1)
ROUNDS, SECONDS = 8, 1.0


def network(text: str) -> tuple[Layer, ...]:
    """Layers from "5-16/2 3-32 pool": kernel-filters/stride, each normalized; the output comes by itself."""
    return (*map(_layer, text.split()), Output())


def _layer(word: str) -> Layer:
    if word == "pool":
        return Pool()
    kernel, _, rest = word.partition("-")
    filters, _, stride = rest.partition("/")
    return Conv(int(filters), int(kernel), stride=int(stride or 1), batch_norm=True)


# Each differs from a neighbor in one thing: depth, width, stem, stride in a pool's place, where the channels are.
CANDIDATES = {
    name: replace(RECIPES["edge"], name=name, layers=network(text), epochs=EPOCHS)
    for name, text in {
        "nano": "5-8/2 3-16 pool 3-16 3-16 pool",
        "nano, stem 3×3": "3-8/2 3-16 pool 3-16 3-16 pool",
        "nano, one layer less": "5-8/2 3-16 pool 3-24 pool",
        "nano, strides": "5-8/2 3-16/2 3-16 3-16/2",
        "edge": "5-16/2 3-24 pool 3-32 3-48 pool",
        "edge, 16s of channels": "5-16/2 3-32 pool 3-32 3-32 pool",
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
    """The committed figures, in Markdown."""
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
    """Train without files: what the last epoch scored on the validation images, and the trainer."""
    from edgecnn.card import Epoch
    from edgecnn.training.checkpoint import Run
    from edgecnn.training.trainer import Trainer

    done = list[Epoch]()
    trainer = Trainer(recipe, dataset, Run(recipe.name, dataset.name, dataset.sha256, epochs, seed, None))
    while len(done) < epochs:
        done.append(trainer.epoch(done, lambda _: None))
    last, seconds = done[-1], round(sum(epoch.seconds for epoch in done), 1)
    row = {"correct": last.validation_correct, "images": last.validation_images, "loss": last.validation_loss}
    return row | {"seconds": seconds}, trainer


def latencies() -> dict[str, Any]:
    """By network: parameters, multiply-accumulates, and of each file the median µs of every round."""
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
    """With Keras's initial weights: those of a source may make logits that float32 cannot verify before training."""
    layers = tuple(
        replace(layer, weights=None, biases=None) if isinstance(layer, Conv | Dense | Output) else layer
        for layer in recipe.layers
    )
    return replace(recipe, layers=layers)


def untrained(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Export and quantize the network as it begins."""
    import edgecnn
    from edgecnn.info import inspect
    from edgecnn.training import networks

    model = networks.build(replace(recipe, name="candidate"), (28, 28), 10)  # TensorFlow takes no commas in a name
    with atomic(ModelFolder(folder).keras) as path:
        model.save(path)
    exported = edgecnn.export(folder, data="mnist")
    edgecnn.quantize(folder, scheme="static", target="any", data="mnist")
    (float32,) = inspect(exported.path)
    return {"parameters": float32.graph["parameters"], "macs": float32.graph["macs"]}
