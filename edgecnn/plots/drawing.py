"""[matplotlib] Creates and writes figures without a display, and prepares labels for them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from edgecnn.errors import MissingDependencyError

DPI = 120
LONGEST_NAME = 20  # characters of a label that are shown


def require(purpose: str) -> None:
    """Raises MissingDependencyError with a message that begins with `purpose`."""
    try:
        import matplotlib.backends.backend_agg
        import matplotlib.figure  # noqa: F401 (only the imports themselves count)
    except ImportError:
        raise MissingDependencyError("matplotlib", "train", purpose) from None


def figure(size: tuple[float, float], purpose: str, layout: Literal["constrained"] | None = "constrained") -> Any:
    """An empty matplotlib Figure of `size` (width, height) in inches.

    Raises MissingDependencyError with a message that begins with `purpose`.
    """
    require(purpose)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # unlike pyplot, this needs no display and leaves nothing to close

    drawn = Figure(figsize=size, layout=layout)
    FigureCanvasAgg(drawn)  # without a canvas, the figure would make one each time it measures a text
    return drawn


def save(figure: Any, path: Path) -> None:
    """Write a figure as a PNG file."""
    with any_script():
        figure.savefig(path, dpi=DPI)


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw as matplotlib does without settings: it takes them from the working folder, and they can start programs.

    Raises MissingDependencyError without matplotlib.
    """
    require("drawing")
    import matplotlib.style

    with matplotlib.style.context("default"):
        yield


@contextmanager
def any_script() -> Iterator[None]:
    """Silence the warning about labels in a script that the font lacks. Such labels are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def literal(text: str) -> str:
    """The text in one line, and escaped so that matplotlib does not read a `$` as the start of a formula."""
    return " ".join(text.split()).replace("$", r"\$")


def shortened(name: str) -> str:
    """A label as `literal` returns it, and cut with an ellipsis if it is longer than LONGEST_NAME."""
    return literal(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…")


def percent(share: float) -> str:
    """A share of 0 to 1 in whole percent. A share just below 1 is not rounded to 100 % but given as ">99 %"."""
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
