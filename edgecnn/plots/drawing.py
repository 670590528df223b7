"""[matplotlib] Drawing without a display: the one place that gets a figure, writes it, and puts labels into words."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from edgecnn.errors import MissingDependencyError

DPI = 120
LONGEST_NAME = 20  # characters of a label


def figure(size: tuple[float, float], purpose: str, layout: Literal["constrained"] | None = "constrained") -> Any:
    """An empty matplotlib Figure, `size` its inches. Raises MissingDependencyError, whose message `purpose` begins."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure  # without pyplot there is no display to find and nothing to close
    except ImportError:
        raise MissingDependencyError("matplotlib", "train", purpose) from None
    drawn = Figure(figsize=size, layout=layout)
    FigureCanvasAgg(drawn)  # with a canvas of its own a figure measures texts without making one for each
    return drawn


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG."""
    with any_script():
        figure.savefig(path, dpi=DPI)


@contextmanager
def any_script() -> Iterator[None]:
    """Without a warning where a label is in a script that the font lacks: it is drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def literal(text: str) -> str:
    """Text that matplotlib draws as it stands: in one line, and no `$` begins a formula."""
    return " ".join(text.split()).replace("$", r"\$")


def shortened(name: str) -> str:
    """A label, literal, and cut with an ellipsis where it is longer than LONGEST_NAME."""
    return literal(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…")


def percent(share: float) -> str:
    """A share of 0 to 1 in whole per cent; 100 % is said of nothing less."""
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
