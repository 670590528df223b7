"""edgecnn train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import DATA, option
from edgecnn.folder import DEFAULT, default_folder
from edgecnn.progress_bar import training_bar
from edgecnn.streams import put, say

if TYPE_CHECKING:
    from edgecnn.training.train import Trained


def _recipes() -> list[str]:
    from edgecnn.recipes import RECIPES

    return list(RECIPES)


Recipe = Annotated[
    str, typer.Option(metavar="NAME", help="The recipe: 'edgecnn recipes' lists them.", autocompletion=_recipes)
]
TrainingData = Annotated[str | None, option("--data", metavar="PATH", help=f"{DATA} Default: MNIST.")]
Epochs = Annotated[int | None, option(min=1, metavar="N", help="Train for N epochs. Default: as the recipe says.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="The same seed gives the same weights.")]
Limit = Annotated[int | None, option(min=2, metavar="N", help="Train on N images only.")]
Long = Annotated[bool, typer.Option("--long", help="Train as the shipped model was: longer, and more accurate.")]
NoAugment = Annotated[bool, typer.Option("--no-augment", help="Do not distort the training images.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue a training that was stopped.")]
TensorBoard = Annotated[Path | None, option(metavar="DIR", help="Write TensorBoard logs to DIR.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print a summary of the network.")]


def train(
    recipe: Recipe = DEFAULT,
    data: TrainingData = None,
    long: Long = False,
    epochs: Epochs = None,
    seed: Seed = 0,
    limit: Limit = None,
    no_augment: NoAugment = False,
    out: opt.Out = None,
    resume: Resume = False,
    tensorboard: TensorBoard = None,
    verbose: Verbose = False,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Train a network and write its model folder.

    The folder is models/RECIPE unless --out names another one.
    """
    from edgecnn.folder import ModelFolder
    from edgecnn.recipes import find_recipe

    chosen = find_recipe(recipe)
    chosen = chosen.longer() if long else chosen
    from edgecnn.data import MNIST, load
    from edgecnn.training.train import train as run

    folder = ModelFolder(out) if out else default_folder(chosen.name)
    dataset = load(data or MNIST, limit)
    with training_bar(quiet) as progress:
        trained = run(
            chosen,
            dataset,
            folder,
            epochs=epochs,
            seed=seed,
            limit=limit,
            augment=not no_augment,
            resume=resume,
            tensorboard=tensorboard,
            progress=progress,
            summary=streams.say if verbose else lambda _: None,
        )
    made = trained.card.training
    if chosen.teacher and made and not made.teacher:
        say(f"note: {chosen.teacher!r} was trained with other images, so only the labels were learned")
    if as_json:
        streams.print_data(trained.card.to_json())
    else:
        print_trained(trained)


def print_trained(trained: "Trained") -> None:
    card, folder = trained.card, trained.folder
    assert card.training is not None
    epochs = f"{card.training.epochs} epoch{'s' * (card.training.epochs != 1)}"
    put(f"{card.name}: {card.parameters:,} parameters, {epochs} in {card.training.seconds:.0f} s")
    put(f"validation  {card.validation}")
    put(f"test        {card.test}")
    for number, mistake in enumerate(trained.confusion.worst()):
        put(f"{'' if number else 'confused':<12}{mistake}")
    pictures = (folder.curves, folder.confusion, folder.errors, folder.filters)
    written = (folder.keras, folder.card_path, folder.history, *pictures)
    put(f"wrote       {folder.path}: {', '.join(path.name for path in written)}")
    if trained.removed:
        say(f"removed {', '.join(path.name for path in trained.removed)}: exports of the earlier model")
    say("next: edgecnn export --quantize" + ("" if folder == default_folder(DEFAULT) else f" {folder.path}"))
