"""Make the shipped models, from training to model card: [RECIPE ...] | --cards

Takes each recipe that has a shipped model as trained with seed 0 by the program `seeds`; if it is not trained yet, this
takes up to half an hour. Exports and quantizes it by rule for any x86-64 and for arm64, and writes it to models/RECIPE
with its model card, README.md. With `--cards`, only the model cards are written, which is needed after other results
have changed.
"""

import shutil
from collections.abc import Sequence

from benchmarks.models import model_card, reference_recipes, seeds
from edgecnn.files import atomic
from edgecnn.folder import SHIPPED_MODELS, ModelFolder, shipped
from edgecnn.recipes import RECIPES

SEED = 0
NAMES = tuple(name for name in RECIPES if name in shipped())
README = "README.md"


def main(arguments: Sequence[str]) -> None:
    if "--cards" not in arguments:
        for recipe in arguments or NAMES:
            publish(recipe)
    for folder in folders():
        write_card(folder)


def publish(recipe: str) -> None:
    """Replace the whole folder of a shipped model, so that no file of an earlier training stays."""
    made, target = seeds.make(recipe, SEED), ModelFolder(SHIPPED_MODELS / recipe)
    shutil.rmtree(target.path, ignore_errors=True)
    shutil.copytree(made.path, target.path)
    reference_recipes.run("export", str(target.path), "--quantize", "--target", "arm64")


def folders() -> list[ModelFolder]:
    """The folders of the shipped models, in the order of the recipes."""
    return [ModelFolder(SHIPPED_MODELS / name) for name in NAMES]


def write_card(folder: ModelFolder) -> None:
    with atomic(folder.path / README) as path:
        path.write_text(model_card.text(folder), encoding="utf-8")
