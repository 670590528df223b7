"""Make the published models anew: python benchmarks/publish.py [RECIPE ...] | --cards

Of each of our recipes the training of seed 0 that seeds.py counts (trained now if it is not there yet: up to half an
hour), exported and quantized by rule for any x86-64 and for arm64, goes to models/RECIPE, and with it a README.md that
model_card.py writes. `--cards` writes the README.md files only, after other results have changed.
"""

import shutil
import sys
from collections.abc import Sequence

import model_card
import published
import seeds

from edgecnn.files import atomic
from edgecnn.folder import SHIPPED_MODELS, ModelFolder

SEED = 0
README = "README.md"


def main(arguments: Sequence[str]) -> None:
    if arguments != ["--cards"]:
        for recipe in arguments or seeds.OWN:
            publish(recipe)
    for folder in folders():
        write_card(folder)


def publish(recipe: str) -> None:
    """Put a complete folder in the place of the published one, so that nothing of an earlier training stays."""
    source, target = seeds.make(recipe, SEED), ModelFolder(SHIPPED_MODELS / recipe)
    shutil.rmtree(target.path, ignore_errors=True)
    shutil.copytree(source.path, target.path)
    published.run("export", str(target.path), "--quantize", "--target", "arm64")


def folders() -> list[ModelFolder]:
    """The published models, in the recipes' order."""
    every = (ModelFolder(SHIPPED_MODELS / name) for name in seeds.OWN)
    return [folder for folder in every if folder.card_path.exists()]


def write_card(folder: ModelFolder) -> None:
    with atomic(folder.path / README) as path:
        path.write_text(model_card.text(folder), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
