"""Make the shipped models again, from training to model card: [RECIPE ...] | --cards

Of each of our recipes the training of seed 0 that the program `seeds` counts (trained now if it is not there yet: up to
half an hour), exported and quantized by rule for any x86-64 and for arm64, goes to models/RECIPE, and with it its model
card, README.md. `--cards` writes the model cards only, after other results have changed.
"""

import shutil
from collections.abc import Sequence

from benchmarks.models import model_card, reference_recipes, seeds
from edgecnn.files import atomic
from edgecnn.folder import SHIPPED_MODELS, ModelFolder

SEED = 0
README = "README.md"


def main(arguments: Sequence[str]) -> None:
    if "--cards" not in arguments:
        for recipe in arguments or seeds.OWN:
            publish(recipe)
    for folder in folders():
        write_card(folder)


def publish(recipe: str) -> None:
    """Put a complete folder in the place of the shipped one, so that nothing of an earlier training stays."""
    made, target = seeds.make(recipe, SEED), ModelFolder(SHIPPED_MODELS / recipe)
    shutil.rmtree(target.path, ignore_errors=True)
    shutil.copytree(made.path, target.path)
    reference_recipes.run("export", str(target.path), "--quantize", "--target", "arm64")


def folders() -> list[ModelFolder]:
    """The shipped models, in the recipes' order."""
    every = (ModelFolder(SHIPPED_MODELS / name) for name in seeds.OWN)
    return [folder for folder in every if folder.card_path.exists()]


def write_card(folder: ModelFolder) -> None:
    with atomic(folder.path / README) as path:
        path.write_text(model_card.text(folder), encoding="utf-8")
