"""What is printed on a sheet: rectangles and lines of text, in millimeters on a page of A4."""

from collections.abc import Iterator
from dataclasses import dataclass

from edgecnn.sheet.code import LENGTH, bits_of
from edgecnn.sheet.layout import MODULE, Layout

PAPER = (210.0, 297.0)  # A4
BLACK, MIDDLE, LIGHT, WHITE = 0.0, 0.45, 0.75, 1.0
LINE = 0.25  # of a box: light and thin, so that it vanishes beside ink
RINGS = ((7, BLACK), (5, WHITE), (3, BLACK))  # of a mark, in modules
DIGIT_WIDTH, DIGIT_HEIGHT = 0.556, 0.72  # of a digit in Helvetica, as shares of the font's size
SMALL = 2.6
TEXTS = (
    (9.5, "Write into the boxes, in each the small digit above it. A box may stay empty. Use a pen, not a pencil."),
    (
        13.0,
        "Then photograph the whole page from above, with all four corner marks, and run: edgecnn sheet --read PHOTO",
    ),
)


@dataclass(frozen=True)
class Rectangle:
    """A filled one. `shade` is 0 for black to 1 for white."""

    left: float
    top: float
    width: float
    height: float
    shade: float


@dataclass(frozen=True)
class Frame:
    """The outline of a square with sides of `side`, in its inside, with lines of the width LINE."""

    left: float
    top: float
    side: float
    shade: float


@dataclass(frozen=True)
class Text:
    """A line whose baseline begins at `left`, `baseline`. `size` is the height of the font."""

    left: float
    baseline: float
    size: float
    text: str
    shade: float


Shape = Rectangle | Frame | Text


def origin(layout: Layout) -> tuple[float, float]:
    """Where the center of the upper left mark is on the page."""
    return (PAPER[0] - layout.across) / 2, (PAPER[1] - layout.down) / 2


def shapes(layout: Layout) -> Iterator[Shape]:
    """All of a sheet; what comes later covers what came earlier."""
    x, y = origin(layout)
    for center_x, center_y in layout.marks:
        yield from (_square(x + center_x, y + center_y, size * MODULE, shade) for size, shade in RINGS)
    yield from _code(layout)
    for baseline, text in TEXTS:
        yield Text(x + layout.left, y + baseline, SMALL, text, BLACK)
    for number, (left, top) in enumerate(layout.boxes):
        yield from _box(x + left, y + top, layout, layout.labels[number % len(layout.labels)])
    for row in range(layout.rows):
        middle = layout.top + (row + 0.5) * layout.pitch
        yield Text(x + layout.left - 5, y + middle + SMALL * DIGIT_HEIGHT / 2, SMALL, f"{row + 1}", MIDDLE)


def _square(x: float, y: float, side: float, shade: float) -> Rectangle:
    return Rectangle(x - side / 2, y - side / 2, side, side, shade)


def _code(layout: Layout) -> Iterator[Shape]:
    x, y = origin(layout)
    width, height = layout.code_bit / 2, layout.code_bit
    for bit, halves in zip(bits_of(layout.version), layout.code_halves(LENGTH), strict=True):
        center_x, center_y = halves[0 if bit else 1]
        yield Rectangle(x + center_x - width / 2, y + center_y - height / 2, width, height, BLACK)


def _box(left: float, top: float, layout: Layout, label: str) -> Iterator[Shape]:
    side = layout.box
    yield Frame(left, top, side, LIGHT)
    middle = left + side / 2 - SMALL * DIGIT_WIDTH * len(label) / 2
    yield Text(middle, top - 0.4, SMALL, label, MIDDLE)
