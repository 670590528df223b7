"""Writes rectangles and text as a PDF of one page: exact at any size, in a few kilobytes.

Source: ISO 32000-1, sections 7.5 (the file), 8.4 and 8.5 (shades and paths) and 9.6.2.2 (the fonts every reader has).
"""

from collections.abc import Iterable, Iterator

from edgecnn.sheet.shapes import LINE, Frame, Rectangle, Shape, Text

POINTS = 72 / 25.4  # in a millimeter


def to_pdf(shapes: Iterable[Shape], paper: tuple[float, float]) -> bytes:
    """A page of `paper`, width and height in millimeters, with these shapes."""
    width, height = (side * POINTS for side in paper)
    content = "\n".join(_drawn(shape, paper[1]) for shape in shapes)
    return _file(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents 4 0 R "
        "/Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )


def _drawn(shape: Shape, height: float) -> str:
    """The operators of a shape. A PDF counts upward from the lower edge."""
    match shape:
        case Rectangle(left, top, width, tall, shade):
            sides = " ".join(f"{side * POINTS:.2f}" for side in (left, height - top - tall, width, tall))
            return f"{shade} g {sides} re f"
        case Frame(left, top, side, shade):
            corner = " ".join(f"{edge * POINTS:.2f}" for edge in (left + LINE / 2, height - top - side + LINE / 2))
            inner = f"{(side - LINE) * POINTS:.2f}"
            return f"{shade} G {LINE * POINTS:.2f} w {corner} {inner} {inner} re S"
        case Text(left, baseline, size, text, shade):
            x, y = left * POINTS, (height - baseline) * POINTS
            return f"BT {shade} g /F {size * POINTS:.2f} Tf {x:.2f} {y:.2f} Td ({_escaped(text)}) Tj ET"


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "()\\" else letter for letter in text)


def _file(*objects: str) -> bytes:
    """A file of numbered objects, the first of which is the catalog, with the table of where each begins."""
    parts = ["%PDF-1.4\n", *_numbered(objects)]
    starts = [sum(map(len, parts[:number])) for number in range(1, len(parts))]
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    size = len(parts)
    ending = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return "".join([*parts, ending, f"startxref\n{sum(map(len, parts))}\n%%EOF\n"]).encode("ascii")


def _numbered(objects: Iterable[str]) -> Iterator[str]:
    for number, content in enumerate(objects, 1):
        yield f"{number} 0 obj\n{content}\nendobj\n"
