"""A sheet as it is printed: on either paper, as a picture and as a PDF."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.errors import OutputError, UsageError
from edgecnn.sheet.code import LENGTH, bits_of, version_of
from edgecnn.sheet.drawing import draw, to_picture
from edgecnn.sheet.layout import LAYOUT, LAYOUTS
from edgecnn.sheet.page import find_page
from edgecnn.sheet.shapes import PAPER, Frame, Rectangle, Text, origin, shapes

LETTER = (215.9, 279.4)
UNPRINTABLE = 6.0  # millimeters at the edges that no printer for homes or offices leaves blank for more


@pytest.mark.parametrize("paper", [PAPER, LETTER])
def test_everything_is_within_what_can_be_printed_on_a4_and_on_letter(paper: tuple[float, float]) -> None:
    shift = np.array(paper) / 2 - np.array(PAPER) / 2  # a viewer centers the page on the paper
    for shape in shapes(LAYOUT):
        match shape:
            case Rectangle(left, top, width, height):
                corners = [(left, top), (left + width, top + height)]
            case Frame(left, top, side):
                corners = [(left, top), (left + side, top + side)]
            case Text(left, baseline, size, text):
                corners = [(left, baseline - size), (left + 0.6 * size * len(text), baseline)]
        assert (np.array(corners) + shift >= UNPRINTABLE).all()
        assert (np.array(corners) + shift <= np.array(paper) - UNPRINTABLE).all()


def test_nothing_is_printed_in_a_box_or_close_to_a_mark() -> None:
    picture, scale = np.asarray(to_picture(dpi=254)), 10  # pixels a millimeter
    for left, top in np.round((LAYOUT.boxes + origin(LAYOUT) + 0.5) * scale).astype(int):
        inside = round((LAYOUT.box - 1) * scale)
        assert picture[top : top + inside, left : left + inside].min() == 255
    for x, y in np.round((LAYOUT.marks + origin(LAYOUT)) * scale).astype(int):
        reach = round(LAYOUT.mark / 2 * scale) + 2
        around = picture[y - reach - 15 : y + reach + 15, x - reach - 15 : x + reach + 15].copy()
        around[15:-15, 15:-15] = 255
        assert around.min() == 255


def test_a_png_knows_its_size_on_paper_and_is_read_as_it_is(tmp_path: Path) -> None:
    draw(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        width, height = (pixels / dpi * 25.4 for pixels, dpi in zip(picture.size, picture.info["dpi"], strict=True))
        assert (width, height) == pytest.approx(PAPER, abs=0.2)
        page = find_page(np.asarray(picture.convert("L")), "the sheet")
    assert page.layout == LAYOUT


def test_a_pdf_has_each_object_where_its_table_says(tmp_path: Path) -> None:
    draw(tmp_path / "sheet.pdf")
    content = (tmp_path / "sheet.pdf").read_bytes()
    assert len(content) < 30_000
    (start,) = re.findall(rb"startxref\n(\d+)\n%%EOF\n$", content)
    table = content[int(start) :]
    assert table.startswith(b"xref\n0 6\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", table)]
    assert [content[place : place + 7] for place in places] == [b"%d 0 obj" % number for number in range(1, 6)]
    (length,) = re.findall(rb"/Length (\d+)", content)
    begin = content.index(b"stream\n") + len(b"stream\n")
    assert content[begin + int(length) :].startswith(b"\nendstream")


def test_a_sheet_replaces_no_file_and_has_one_of_two_forms(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        draw(tmp_path / "photo.png")
    assert (tmp_path / "photo.png").read_bytes() == b"mine"
    with pytest.raises(UsageError, match="PDF or PNG"):
        draw(tmp_path / "photo.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_a_code_is_read_as_its_version_and_nothing_else_is_a_code() -> None:
    rng = np.random.default_rng(0)
    assert all(version == layout.version for version, layout in LAYOUTS.items())
    for version in range(16):
        bright = np.stack([~bits_of(version), bits_of(version)], axis=1) * 150.0 + rng.normal(60, 10, (LENGTH, 2))
        assert version_of(bright, 150) == version
        assert version_of(bright[::-1, ::-1], 150) is None  # upside down
        assert version_of(255 - bright, 150) is None
    assert version_of(np.full((LENGTH, 2), 200.0), 150) is None
    assert version_of(rng.normal(200, 5, (LENGTH, 2)), 150) is None
