"""Options of several commands, and what refuses an option that would do nothing."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecnn import console
from edgecnn.errors import UsageError
from edgecnn.folder import DEFAULT
from edgecnn.preprocessing import NAMED, Preprocessing, parse

STDOUT = "-"
DEFAULT_MODEL = f"Default: models/{DEFAULT} if it is here, else the shipped model {DEFAULT!r}."
DATA = "The data set: a folder of IDX files or of pictures, or an .npz file."


def option(*names: str, metavar: str | None = None, **settings: Any) -> Any:
    """An option without a default that its help should name."""
    return typer.Option(*names, metavar=metavar, show_default=False, **settings)


Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model folder, an .onnx file, or the name of a shipped model.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Out = Annotated[Path | None, option("--out", metavar="DIR", help="Write the model folder to DIR.")]
Data = Annotated[
    str | None,
    option("--data", metavar="PATH", help=f"{DATA} Default: what the model was trained with, or MNIST."),
]
Preprocess = Annotated[
    str | None,
    option(
        metavar="HOW",
        help=f"How a float model wants its pixels: {', '.join(NAMED)}, or MEAN/STD of pixels from 0 to 1, "
        "such as 0.5,0.5,0.5/0.2,0.2,0.2. Default: what it was trained with, as far as that can be found out.",
    ),
]


def refuse_not_finite(given: Mapping[str, Any]) -> None:
    """Raises UsageError for an option whose number is NaN or infinite. `given` are the values by parameter."""
    for name, value in given.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, float) and not isfinite(number):
                raise UsageError(f"--{name.replace('_', '-')} is {number}: give a finite number")


def refuse_empty(arguments: Iterable[str]) -> None:
    """Raises UsageError: an empty path would mean the current folder, which an unset variable of a script does not."""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not (value if name.startswith("--") and equals else argument):
            raise UsageError(f"{f'the value of {name}' if name else 'an argument'} is empty: give a name or a path")


def preprocessing_of(text: str | None) -> Preprocessing | None:
    """Raises UsageError for an unknown one."""
    return None if text is None else parse(text)


def refuse_idle(ctx: typer.Context, names: Sequence[str], when: str) -> None:
    """Raises UsageError for those options that were given: a user would not notice that they are ignored."""
    options = {parameter.name: parameter.opts[0] for parameter in ctx.command.params}
    given = [options[name] for name in names if _is_given(ctx, name)]
    if given:
        raise UsageError(f"{' and '.join(given)} {'does' if len(given) == 1 else 'do'} nothing {when}")


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def default_model() -> str:
    """The path of the model to use where none was given, which is told on stderr. Raises ModelError."""
    from edgecnn.folder import default_model as find

    folder = find()
    console.say_default_model(folder)
    return str(folder.path)
