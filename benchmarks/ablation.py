"""What each part of `edge`'s training is worth: python benchmarks/ablation.py [VARIANT ...]

The recipe as it is, and without one part at a time, is fitted for EPOCHS epochs with each of SEEDS. Counted are the
validation images labelled right, as they are and corrupted in each of corruptions.py's ways: the test images are not
looked at. What is in benchmarks/results/ablation.json is not trained again. One to two minutes a training.
"""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pareto
import published
import stored
from corruptions import CORRUPTIONS

from edgecnn.data import Split, load
from edgecnn.folder import versions
from edgecnn.host import this_host
from edgecnn.recipes import RECIPES, Augmentation, Conv, Recipe

RESULTS = published.RESULTS.with_name("ablation.json")
EPOCHS, SEEDS = 4, (0, 1)
CORRUPTED = 1000  # of the validation images, in each way

EDGE = RECIPES["edge"]
PLAIN = Augmentation(rotation=0.2, scale=0.12, shift=0.07)


def without_batch_norm(recipe: Recipe) -> Recipe:
    layers = tuple(replace(layer, batch_norm=False) if isinstance(layer, Conv) else layer for layer in recipe.layers)
    return replace(recipe, layers=layers)


VARIANTS = {
    "as it is": EDGE,
    "without blur, light and noise": replace(EDGE, augmentation=PLAIN),
    "without augmentation": replace(EDGE, augmentation=None),
    "without one cycle, at a tenth of its peak": replace(EDGE, schedule="constant", learning_rate=1e-3),
    "without weight decay": replace(EDGE, weight_decay=0.0),
    "without batch norm, at a tenth of its peak": replace(without_batch_norm(EDGE), learning_rate=1e-3),
    "with shear": replace(EDGE, augmentation=replace(EDGE.augmentation or PLAIN, shear=0.2)),
    "with bending": replace(EDGE, augmentation=replace(EDGE.augmentation or PLAIN, elastic=0.02)),
}


def main(arguments: Sequence[str]) -> None:
    for seed in SEEDS:
        for name in arguments or VARIANTS:
            if not any((row["variant"], row["seed"]) == (name, seed) for row in rows()):
                row = {"variant": name, "seed": seed, **trained(VARIANTS[name], seed)}
                print(f"{name}, seed {seed}: {row['correct'] / row['images']:.2%}", flush=True)
                store(row)
    print(table())


def trained(recipe: Recipe, seed: int) -> dict[str, Any]:
    from edgecnn.training.fitter import mean_cross_entropy

    dataset = load()
    row, fitter = pareto.fitted(recipe, EPOCHS, seed, dataset)
    some = Split("validation", dataset.validation.images[:CORRUPTED], dataset.validation.labels[:CORRUPTED])
    right = {
        corruption.name: mean_cross_entropy(fitter.evaluate(replace(some, images=corruption(some.images))), some)[1]
        for corruption in CORRUPTIONS
    }
    return row | {"corrupted": {name: score.correct for name, score in right.items()}, "corrupted_images": CORRUPTED}


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stored.read(RESULTS).get("trainings", [])
    return found


def store(row: dict[str, Any]) -> None:
    packages = versions("edgecnn", "tensorflow", "keras")
    stored.replace_row(RESULTS, "trainings", row, ("variant", "seed"), _place, host=str(this_host()), versions=packages)


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return list(VARIANTS).index(row["variant"]), row["seed"]


def table() -> str:
    """What `ablation.json` holds, in Markdown."""
    lines = ["| `edge` | validation accuracy (each seed) | corrupted ones |", "|---|---:|---:|"]
    for name in VARIANTS:
        found = [row for row in rows() if row["variant"] == name]
        if found:
            each = [row["correct"] / row["images"] for row in found]
            shares = [statistics.mean(row["corrupted"].values()) / row["corrupted_images"] for row in found]
            cells = f"{statistics.mean(each):.2%} ({', '.join(f'{share:.2%}' for share in each)})"
            lines.append(f"| {name} | {cells} | {statistics.mean(shares):.2%} |")
    return "\n".join([*lines, "", f"{EPOCHS} epochs; {stored.read(RESULTS)['host']}"]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
