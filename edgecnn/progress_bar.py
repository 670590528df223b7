"""Shows on stderr how far long work has come."""

from collections.abc import Iterator
from contextlib import contextmanager

from edgecnn.progress import Estimate, OnProgress, Progress
from edgecnn.streams import say
from edgecnn.terminal import printable


@contextmanager
def progress_bar(quiet: bool, *, still: bool = False) -> Iterator[OnProgress]:
    """A bar on stderr that shows the progress it is given; silent where stderr is not a terminal or with --quiet.

    A `still` one is drawn only when it is told to, as drawing would disturb what is being timed.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    console = Console(stderr=True)
    with RichProgress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=min(40, console.width // 4)),
        TextColumn("{task.fields[figures]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        auto_refresh=not still,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("starting", total=None, figures="")

        def show(at: Progress) -> None:
            doing, figures = printable(at.doing), printable(at.figures)
            bar.update(task, description=doing, total=at.steps, completed=at.done, figures=figures)
            if still:
                bar.refresh()

        yield show


@contextmanager
def training_bar(quiet: bool) -> Iterator[OnProgress]:
    """The bar of a training; after the first steps a line on stderr also says how long it will take here."""
    estimate = Estimate(lambda seconds: say(f"note: this training takes about {duration(seconds)} on this machine"))
    with progress_bar(quiet) as show:

        def tell(at: Progress) -> None:
            show(at)
            if not quiet:
                estimate(at)

        yield tell


def duration(seconds: float) -> str:
    """A duration as people say it: "40 s", "5 min"."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
