"""Sheets filled with real digits, photographed in many ways, and cut into a data set."""

import io
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.filled_sheets import PHOTOGRAPHS, Photograph, filled, photographed
from edgecnn.data import Dataset, load
from edgecnn.errors import ImageError, OutputError
from edgecnn.imaging.form import most_have_form
from edgecnn.sheet.collecting import Sheet, collect, read_sheet
from edgecnn.sheet.drawing import to_picture
from edgecnn.sheet.layout import LAYOUT, Layout

pytestmark = pytest.mark.slow

Gray = NDArray[np.uint8]

LEAST_SHARE, CLEARLY = 0.98, 0.8


@pytest.fixture(scope="module")
def filled_boxes() -> NDArray[np.intp]:
    """The numbers of three quarters of the boxes."""
    return np.sort(np.random.default_rng(0).permutation(len(LAYOUT.boxes))[:105])


@pytest.fixture(scope="module")
def page(mnist: Dataset, filled_boxes: NDArray[np.intp]) -> Image.Image:
    """A sheet whose digits are in no order, so that each differs from its neighbors."""
    return filled(mnist.test.images[: len(filled_boxes)], filled_boxes)


def saved(content: bytes, folder: Path) -> Path:
    path = folder / "photo.jpg"
    path.write_bytes(content)
    return path


def likeness(found: Gray, placed: Gray) -> NDArray[np.float64]:
    """The correlation of each found image, moved by up to a pixel, with each of those placed, [n, n]."""
    steps = (-1, 0, 1)
    moved = [np.roll(found, (down, across), axis=(1, 2)) for down in steps for across in steps]
    return np.asarray(np.max([normed(images) @ normed(placed).T for images in moved], axis=0))


def normed(images: Gray) -> NDArray[np.float64]:
    rows = images.reshape(len(images), -1).astype(np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def cut_right(sheet: Sheet, digits: Gray, boxes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Of all boxes: a filled one shows its digit and no other one more, an empty one has none."""
    found = np.array([box.digit is not None for box in sheet.boxes])
    right = found == np.isin(np.arange(len(found)), boxes)
    both = found[boxes]
    alike = likeness(np.stack([sheet.boxes[box].digit for box in boxes[both]]), digits[both])
    own = alike.diagonal()
    right[boxes[both]] = (own >= CLEARLY) | (own == alike.max(axis=1))
    return np.asarray(right)


@pytest.mark.long
@pytest.mark.parametrize("how", PHOTOGRAPHS.values(), ids=PHOTOGRAPHS)
def test_each_digit_is_cut_from_its_box_however_the_page_is_photographed(
    how: Photograph, page: Image.Image, filled_boxes: NDArray[np.intp], mnist: Dataset, tmp_path: Path
) -> None:
    sheet = read_sheet(saved(photographed(page, how), tmp_path))
    assert [(box.row, box.label) for box in sheet.boxes] == list(product(range(1, 15), "0123456789"))
    assert cut_right(sheet, mnist.test.images[: len(filled_boxes)], filled_boxes).mean() >= LEAST_SHARE


def test_a_data_set_is_made_that_can_be_loaded(
    page: Image.Image, filled_boxes: NDArray[np.intp], tmp_path: Path
) -> None:
    photo = saved(photographed(page, Photograph()), tmp_path)
    collected = collect([photo, photo], tmp_path / "new" / "digits")
    counts = np.bincount(filled_boxes % 10, minlength=10)
    assert collected.counts == {str(label): 2 * count for label, count in enumerate(counts)}
    assert sum(map(len, collected.sheets[0].empty.values())) == len(LAYOUT.boxes) - len(filled_boxes)
    data = load(collected.folder)
    assert (data.image_shape, data.labels) == ((28, 28), LAYOUT.labels)
    assert len(data.test) == len(data.train) + len(data.validation) == len(filled_boxes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "photo.jpg"]
    assert data.test.images.max() >= 200
    assert (data.test.images[:, 0] < 30).all()
    assert most_have_form(data.train.images)  # so a network that is trained on it reads photographs as well


def in_part(page: Image.Image, box: tuple[int, int, int, int], shade: int) -> bytes:
    """A photograph of a page with something on it."""
    page = page.copy()
    page.paste(shade, box)
    return photographed(page, Photograph((900, 1200)))


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def chessboard() -> Image.Image:
    return Image.fromarray(np.kron(np.indices((40, 40)).sum(axis=0) % 2, np.full((20, 20), 255)).astype(np.uint8))


def rings() -> Image.Image:
    """Many true marks, and no sheet."""
    one = np.asarray(to_picture().resize((620, 877)).crop((35, 60, 85, 110)))
    return Image.fromarray(np.tile(one, (18, 18)))


def noise(_: Image.Image) -> bytes:
    return jpeg(Image.fromarray(np.random.default_rng(0).integers(0, 256, (600, 600)).astype(np.uint8)))


NONE, SOME = "the corner marks of a sheet were not found", "the corner marks of a sheet were not"
REFUSED: dict[str, tuple[Callable[[Image.Image], bytes], str]] = {
    "white": (lambda _: jpeg(Image.new("L", (900, 1200), 255)), NONE),
    "one pixel": (lambda _: jpeg(Image.new("L", (1, 1), 255)), NONE),
    "a line": (lambda _: jpeg(Image.new("L", (20_000, 1), 255)), NONE),
    "noise": (noise, SOME),
    "writing": (lambda page: jpeg(page.crop((250, 450, page.width - 250, page.height - 400))), SOME),
    "a chessboard": (lambda _: jpeg(chessboard()), SOME),
    "rings": (lambda _: jpeg(rings()), SOME),
    "a hidden corner": (lambda page: in_part(page, (0, page.height - 400, 300, page.height), 90), SOME),
    "a hidden code": (lambda page: in_part(page, (500, 100, 1100, 260), 255), SOME),
    "half a page": (lambda page: jpeg(page.crop((0, 0, page.width, page.height // 2))), SOME),
    "blurred": (lambda page: photographed(page, Photograph((900, 1200), blur=9)), SOME),
    "small": (lambda page: photographed(page, Photograph((270, 360), blur=0.3)), f"are needed|{SOME}"),
    "mirrored": (lambda page: photographed(page, Photograph((900, 1200), mirrored=True, turn=90)), "is mirrored"),
    "of a later version": (lambda _: jpeg(to_picture(Layout(version=9), dpi=120)), "version 9.*update edgecnn"),
    "empty": (lambda _: photographed(to_picture(dpi=150), Photograph((900, 1200))), "no box has a digit"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_whole_filled_sheet_is_refused_and_nothing_is_written(
    make: Callable[[Image.Image], bytes], message: str, page: Image.Image, tmp_path: Path
) -> None:
    photo = saved(make(page), tmp_path)
    with pytest.raises(ImageError, match=message) as raised:
        collect([photo], tmp_path / "digits")
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [photo.name]


def test_a_folder_with_something_in_it_is_left_alone(page: Image.Image, tmp_path: Path) -> None:
    photo = saved(photographed(page, Photograph((900, 1200))), tmp_path)
    taken, empty = tmp_path / "taken", tmp_path / "empty"
    taken.mkdir()
    empty.mkdir()
    (taken / "mine").touch()
    for place in (taken, photo):
        with pytest.raises(OutputError, match="exists already"):
            collect([photo], place)
    assert [path.name for path in taken.iterdir()] == ["mine"]
    assert collect([photo], empty).folder == empty


def test_one_unreadable_picture_of_several_leaves_nothing(page: Image.Image, tmp_path: Path) -> None:
    photo = saved(photographed(page, Photograph((900, 1200))), tmp_path)
    with pytest.raises(ImageError, match=r"missing\.jpg"):
        collect([photo, tmp_path / "missing.jpg"], tmp_path / "digits")
    assert [path.name for path in tmp_path.iterdir()] == [photo.name]
