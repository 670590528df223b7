"""The command line: which commands there are, and what an error becomes. The commands are in `commands`."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from edgecnn import console, streams
from edgecnn.commands.options import refuse_empty, refuse_not_finite
from edgecnn.errors import EdgecnnError, TrainingInterrupted, UsageError
from edgecnn.processes import stopping

COMMANDS = (
    "train",
    "export",
    "bench",
    "predict",
    "sheet",
    "info",
    "tune",
    "bundle",
    "install",
    "recipes",
    "serve",
    "doctor",
)
SETTINGS = {"help_option_names": ["-h", "--help"]}


class LazyCommands(Mapping[str, Any]):
    """The commands by name. Each is imported when it is asked for, so that one does not pay for the options of all."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        module = import_module(f"edgecnn.commands.{name}")
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=SETTINGS)
        alone.command(name, cls=Command)(getattr(module, name))
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Command(TyperCommand):
    """A command whose numbers are numbers: typer takes "nan" for one, which no bound holds back."""

    def invoke(self, ctx: Any) -> Any:
        refuse_not_finite(ctx.params)
        return super().invoke(ctx)


class Commands(TyperGroup):
    """The one place that turns an EdgecnnError into a line on stderr and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast(MutableMapping[str, Any], LazyCommands())  # to which nothing is ever added

    def invoke(self, ctx: Any) -> Any:
        try:
            refuse_empty(ctx.args)
            return super().invoke(ctx)
        except EdgecnnError as error:
            if stopping.stopped():  # and so this is not an error
                if isinstance(error, TrainingInterrupted):
                    stopping.keep(str(error))
                raise typer.Exit from error
            streams.say(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help can be read at any width and in any locale
    context_settings=SETTINGS,
    help="Train a small CNN in TensorFlow, ship it as ONNX, and know what it costs on the device it runs on.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print_version()
        raise typer.Exit


@app.callback()
def before_any_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options that stand before a command."""
