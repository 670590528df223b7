"""Draws a sheet as a PNG or PDF file."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from edgecnn.errors import OutputError, UsageError
from edgecnn.files import atomic
from edgecnn.sheet.layout import LAYOUT, Layout
from edgecnn.sheet.pdf import to_pdf
from edgecnn.sheet.shapes import LINE, PAPER, Frame, Rectangle, Text, shapes

DPI, INCH = 300, 25.4  # pixels an inch, and millimeters in one


def draw(path: Path, layout: Layout = LAYOUT) -> None:
    """Write a sheet to print. The suffix of the path, .pdf or .png, says in which form.

    Raises UsageError for another suffix, OutputError if the file exists or cannot be written.
    """
    if path.suffix.lower() not in (".pdf", ".png"):
        raise UsageError(
            f"a sheet is a PDF or PNG file, not {path.name!r}: name it sheet.pdf; --read reads a photograph"
        )
    if path.exists():
        raise OutputError(f"{path} exists already: choose another name, or read a filled sheet with --read {path}")
    with atomic(path) as temporary:
        if path.suffix.lower() == ".pdf":
            temporary.write_bytes(to_pdf(shapes(layout), PAPER))
        else:
            to_picture(layout).save(temporary, dpi=(DPI, DPI), optimize=True)


def to_picture(layout: Layout = LAYOUT, dpi: float = DPI) -> Image.Image:
    """A sheet as a gray picture, mode L, of `dpi` pixels an inch."""
    scale = dpi / INCH
    page = Image.new("L", (round(PAPER[0] * scale), round(PAPER[1] * scale)), 255)
    brush = ImageDraw.Draw(page)
    for shape in shapes(layout):
        match shape:
            case Rectangle(left, top, width, height, shade):
                x, y, right, bottom = (round(edge * scale) for edge in (left, top, left + width, top + height))
                brush.rectangle((x, y, right - 1, bottom - 1), fill=round(255 * shade))
            case Frame(left, top, side, shade):
                x, y, right, bottom = (round(edge * scale) for edge in (left, top, left + side, top + side))
                line = max(1, round(LINE * scale))
                brush.rectangle((x, y, right - 1, bottom - 1), outline=round(255 * shade), width=line)
            case Text(left, baseline, size, text, shade):
                font = ImageFont.load_default(size * scale)
                brush.text((left * scale, baseline * scale), text, round(255 * shade), font, anchor="ls")
    return page
