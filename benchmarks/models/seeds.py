"""Measure the accuracy of our recipes with several seeds: [RECIPE | RECIPE-SEED | edge-default ...]

Trains each recipe with `--long` and three seeds, exports and quantizes it, with the commands that a user runs, under
build/seeds/RECIPE-SEED. `edge-default` is what `edgecnn train` does without options. The test images are used once per
training. Each row is written to benchmarks/results/seeds.json when it is measured; other rows are kept. A recipe takes
up to half an hour, `accurate` an hour.
"""

import json
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import hosts, read_result, replace_row, timed_here
from benchmarks.models import reference_recipes
from edgecnn.card import versions
from edgecnn.folder import DEFAULT, ModelFolder
from edgecnn.recipes import RECIPES

RESULTS = paths.RESULTS / "seeds.json"
WORK = paths.BUILD / "seeds"
SEEDS = (0, 1, 2)
OWN = tuple(name for name, recipe in RECIPES.items() if recipe.ours)
SHORT = DEFAULT  # the recipe whose training without --long is measured too
ACCURACY = ("test accuracy, mean (each seed)", "int8", "validation")
HEADINGS = ("recipe", "parameters", *ACCURACY, "training, s (least)", "seeds")


def main(arguments: Sequence[str]) -> None:
    for recipe, seed, is_long in asked(arguments):
        print(f"== {recipe}, seed {seed}{'' if is_long else ', without --long'}", flush=True)
        row = measured(recipe, seed, is_long)
        store(row)
        print(f"{row['test']['value']:.2%} test, {row['seconds']:.0f} s, int8 {row['int8']['value']:.2%}", flush=True)
    print(table(), end="")


def asked(arguments: Sequence[str]) -> list[tuple[str, int, bool]]:
    """The trainings that the arguments mean, and whether they are long.

    `edge` means all its seeds, `edge-1` only one, and `edge-default` its seeds without `--long`.
    """
    named = [((recipe, seed, True), {recipe, f"{recipe}-{seed}"}) for recipe in OWN for seed in SEEDS]
    named += [((SHORT, seed, False), {f"{SHORT}-default"}) for seed in SEEDS]
    return [each for each, names in named if not arguments or names & set(arguments)]


def make(recipe: str, seed: int, is_long: bool = True) -> ModelFolder:
    """Train a recipe with a seed if it is missing, then export and quantize it.

    The int8 settings are chosen by rule for any x86-64, so that the result does not depend on timing.
    """
    folder = ModelFolder(WORK / (f"{recipe}-{seed}" if is_long else f"{recipe}-default-{seed}"))
    if not folder.card_path.exists():
        length = ("--long",) if is_long else ()
        reference_recipes.run("train", "--recipe", recipe, *length, "--seed", str(seed), "--out", str(folder.path))
    reference_recipes.run("export", str(folder.path), "--quantize", "--target", "any")
    return folder


def measured(recipe: str, seed: int, is_long: bool = True) -> dict[str, Any]:
    folder = make(recipe, seed, is_long)
    card = json.loads(folder.card_path.read_text(encoding="utf-8"))
    return {
        "recipe": recipe,
        "seed": seed,
        "long": is_long,
        "parameters": card["parameters"],
        "epochs": card["training"]["epochs"],
        "seconds": card["training"]["seconds"],
        "temperature": card["training"]["temperature"],
        "validation": card["validation"],
        "test": card["test"],
        "int8": card["exports"]["model.int8.onnx"]["accuracy"],
    }


def store(row: dict[str, Any]) -> None:
    packages = versions("edgecnn", "tensorflow", "keras", "onnxruntime")
    replace_row(RESULTS, "trainings", timed_here(row), ("recipe", "seed", "long"), _place, versions=packages)


def _place(row: dict[str, Any]) -> tuple[int, bool, int]:
    return OWN.index(row["recipe"]), not row["long"], row["seed"]


def by_recipe(is_long: bool = True) -> dict[str, list[dict[str, Any]]]:
    """The rows of each recipe, trained with `--long` or without."""
    rows = [row for row in read_result(RESULTS).get("trainings", []) if row["long"] == is_long]
    return {name: found for name in OWN if (found := [row for row in rows if row["recipe"] == name])}


def table() -> str:
    """The results in `seeds.json`, as a Markdown table."""
    every = [(f"`{name}`", rows) for name, rows in by_recipe().items()]
    every += [(f"`{name}` without `--long`", rows) for name, rows in by_recipe(is_long=False).items()]
    notes = ["10,000 test images, used once per seed", *_trained_on(every)]
    return markdown.table(HEADINGS, [_cells(name, rows) for name, rows in every], notes)


def _trained_on(every: list[tuple[str, list[dict[str, Any]]]]) -> list[str]:
    """Which recipes were trained on which machines."""
    machines: dict[str, list[str]] = {}
    for name, rows in every:
        machines.setdefault(hosts(rows), []).append(name)
    return [f"{', '.join(names)}: {machine}" for machine, names in machines.items()]


def _cells(name: str, rows: list[dict[str, Any]]) -> list[str]:
    seconds = min(row["seconds"] for row in rows)  # what else runs on a machine only adds
    return [
        name,
        f"{rows[0]['parameters']:,}",
        _each(rows, "test"),
        _each(rows, "int8"),
        f"{mean(rows, 'validation'):.2%}",
        f"{seconds:.0f}",
        str(len(rows)),
    ]


def mean(rows: list[dict[str, Any]], split: str) -> float:
    return float(statistics.mean(row[split]["value"] for row in rows))


def _each(rows: list[dict[str, Any]], split: str) -> str:
    each = ", ".join(f"{row[split]['value']:.2%}" for row in rows)
    return f"{mean(rows, split):.3%} ({each})"
