"""Measure what each part of a recipe's training contributes: [RECIPE ...]

Trains `edge` and `accurate` as `--long` does, but without a teacher, and with one part added, removed or changed. Each
variant is trained for EPOCHS epochs with each of the recipe's SEEDS. The figures are accuracies on validation images:
unchanged, augmented as in training (DRAWS times), and with each corruption of accuracy/corruptions.py. The test images
are not used. Trainings that are already in benchmarks/results/ablation.json are not repeated. Each takes half a minute
to four minutes.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.accuracy.corruptions import CORRUPTIONS
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import hosts, read_result, replace_row, timed_here
from benchmarks.models import pareto
from edgecnn.card import versions
from edgecnn.data import Split, load
from edgecnn.layers import Augmentation, Conv
from edgecnn.recipes import RECIPES, Recipe

RESULTS = paths.RESULTS / "ablation.json"
EPOCHS = 4
SEEDS = {"edge": (0, 1), "accurate": (0,)}
DRAWS = 5  # augmented versions of every validation image
CORRUPTED = 1000  # validation images that get each corruption

EDGE, ACCURATE = (replace(RECIPES[name].longer(), teacher=None) for name in ("edge", "accurate"))
PLAIN = Augmentation(rotation=0.2, scale=0.12, shift=0.07)
GENTLE = replace(ACCURATE.augmentation or PLAIN, rotation=0.1, scale=0.06, shift=0.035, shear=0.075, elastic=0.01)


def distorting(recipe: Recipe, **changes: float) -> Recipe:
    """The recipe with other strengths of augmentation."""
    return replace(recipe, augmentation=replace(recipe.augmentation or PLAIN, **changes))


def without_batch_norm(recipe: Recipe) -> Recipe:
    layers = tuple(replace(layer, batch_norm=False) if isinstance(layer, Conv) else layer for layer in recipe.layers)
    return replace(recipe, layers=layers)


VARIANTS = {
    "edge": {
        "as it is": EDGE,
        "without a filter": distorting(EDGE, filter=0.0),
        "without blur, light and noise": distorting(EDGE, blur=0.0, light=0.0, noise=0.0),
        "without other hands and pens": distorting(EDGE, habits=0.0, stretch=0.0, pen=0.0),
        "rotated, scaled and shifted only": replace(EDGE, augmentation=PLAIN),
        "without augmentation": replace(EDGE, augmentation=None),
        "with a constant learning rate, a tenth of the peak": replace(EDGE, schedule="constant", learning_rate=1e-3),
        "without weight decay": replace(EDGE, weight_decay=0.0),
        "without batch norm, with a tenth of the peak learning rate": replace(
            without_batch_norm(EDGE), learning_rate=1e-3
        ),
        "without batch norm recalibrated": replace(EDGE, recalibrate_batch_norm=False),
        "with shear": distorting(EDGE, shear=0.2),
        "with elastic distortion": distorting(EDGE, elastic=0.02),
        "taught by `accurate`": replace(EDGE, teacher="accurate"),
        "with 16, 24, 32 and 48 channels": replace(EDGE, layers=pareto.network("5-16/2 3-24 pool 3-32 3-48 pool")),
    },
    "accurate": {
        "as it is": ACCURATE,
        "without batch norm recalibrated": replace(ACCURATE, recalibrate_batch_norm=False),
        "with half the peak learning rate": replace(ACCURATE, learning_rate=4e-3),
        "with half the augmentation": replace(ACCURATE, augmentation=GENTLE),
        "without elastic distortion": distorting(ACCURATE, elastic=0.0),
    },
}


def main(arguments: Sequence[str]) -> None:
    for recipe in arguments or VARIANTS:
        for seed in SEEDS[recipe]:
            for variant in VARIANTS[recipe]:
                fit(recipe, variant, seed)
    print(table())


def fit(recipe: str, variant: str, seed: int) -> None:
    """Train a variant and store its row, unless it is there already."""
    row: dict[str, Any] = {"recipe": recipe, "variant": variant, "seed": seed}
    if not any(row.items() <= old.items() for old in rows()):
        row |= trained(VARIANTS[recipe][variant], seed)
        print(f"{recipe} {variant}, seed {seed}: {row['correct'] / row['images']:.2%}", flush=True)
        store(row)


def trained(recipe: Recipe, seed: int) -> dict[str, Any]:
    from edgecnn.training.trainer import mean_cross_entropy

    dataset = load()
    validation = dataset.validation
    row, trainer = pareto.fitted(recipe, EPOCHS, seed, dataset)
    some = Split("validation", validation.images[:CORRUPTED], validation.labels[:CORRUPTED])

    def right(split: Split, images: Any) -> int:
        return mean_cross_entropy(trainer.evaluate(replace(split, images=images)), split)[1].correct

    return row | {
        "distorted": sum(right(validation, distorted(validation.images, draw)) for draw in range(DRAWS)),
        "corrupted": {corruption.name: right(some, corruption(some.images)) for corruption in CORRUPTIONS},
        "corrupted_images": CORRUPTED,
    }


def distorted(images: Any, draw: int) -> Any:
    """`images` augmented in a way that no training used, the same for every variant."""
    from edgecnn.training.augment import augment
    from edgecnn.training.backend import tensorflow

    return augment(tensorflow("ablation").constant(images), PLAIN, (0, draw)).numpy()


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_result(RESULTS).get("trainings", [])
    return found


def store(row: dict[str, Any]) -> None:
    packages, keys = versions("edgecnn", "tensorflow", "keras"), ("recipe", "variant", "seed")
    replace_row(RESULTS, "trainings", timed_here(row), keys, _place, versions=packages)


def _place(row: dict[str, Any]) -> tuple[int, int, int]:
    variants = VARIANTS[row["recipe"]]
    return list(VARIANTS).index(row["recipe"]), list(variants).index(row["variant"]), row["seed"]


def table() -> str:
    """The results in `ablation.json`, as a Markdown table."""
    headings = ("recipe", "variant", "validation accuracy (each seed)", "augmented images", "corrupted images")
    every = [(recipe, variant) for recipe, variants in VARIANTS.items() for variant in variants]
    measured = [(recipe, variant, found) for recipe, variant in every if (found := rows_of(recipe, variant))]
    cells = [(f"`{recipe}`", variant, *_shares(found)) for recipe, variant, found in measured]
    return markdown.table(headings, cells, [f"{EPOCHS} epochs; {hosts(rows())}"], words=2)


def rows_of(recipe: str, variant: str) -> list[dict[str, Any]]:
    return [row for row in rows() if (row["recipe"], row["variant"]) == (recipe, variant)]


def _shares(found: list[dict[str, Any]]) -> tuple[str, str, str]:
    each = [row["correct"] / row["images"] for row in found]
    moved = statistics.mean(row["distorted"] / row["images"] / DRAWS for row in found)
    corrupted = statistics.mean(statistics.mean(row["corrupted"].values()) / row["corrupted_images"] for row in found)
    listed = ", ".join(f"{share:.2%}" for share in each)
    return f"{statistics.mean(each):.2%} ({listed})", f"{moved:.2%}", f"{corrupted:.2%}"
