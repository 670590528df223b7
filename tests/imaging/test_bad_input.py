"""Odd files: each gets an answer of predict, or one message, and soon."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.errors import ImageError
from edgecnn.readings import Reading, read_files
from edgecnn.runtime.classifier import Classifier

ORIENTATION, UPSIDE_DOWN = 0x0112, 3
SLOWEST = 5.0  # seconds; 1 on a machine that does nothing else


@pytest.fixture(scope="module")
def edge() -> Classifier:
    return Classifier("edge")


def read(edge: Classifier, path: Path) -> Reading:
    start = time.process_time()
    ((_, found),) = read_files(edge, [path])
    assert time.process_time() - start < SLOWEST
    assert not isinstance(found, ImageError)
    return found[0]


def seven(mnist: Dataset) -> Image.Image:
    """The first test image, a 7, in dark ink on light paper."""
    paper = Image.new("L", (300, 240), 230)
    paper.paste(30, (90, 60), Image.fromarray(mnist.test.images[0]).resize((120, 120), Image.Resampling.BICUBIC))
    return paper


def save_as(kind: str, picture: Image.Image, folder: Path) -> Path:
    path = folder / (
        "digit.jpg" if kind in ("upside down", "CMYK") else "digit.tif" if kind == "float" else "digit.png"
    )
    gray = np.asarray(picture)
    if kind == "upside down":
        exif = Image.Exif()
        exif[ORIENTATION] = UPSIDE_DOWN
        picture.rotate(180).save(path, exif=exif)
    elif kind == "CMYK":
        picture.convert("CMYK").save(path)
    elif kind == "16 bits":
        Image.fromarray(gray.astype(np.uint16) * 257).save(path)
    elif kind == "float":
        Image.fromarray(gray.astype(np.float32) / 255).save(path)
    elif kind == "one bit":
        picture.point(lambda value: 255 * (value > 128)).convert("1").save(path)
    elif kind == "palette":
        picture.convert("RGB").quantize(8).save(path)
    elif kind == "animated":
        path = folder / "digit.gif"
        picture.save(path, save_all=True, append_images=[Image.new("L", picture.size)])
    return path


@pytest.mark.parametrize("kind", ["upside down", "CMYK", "16 bits", "float", "one bit", "palette", "animated"])
def test_every_kind_of_file_is_read(edge: Classifier, mnist: Dataset, kind: str, tmp_path: Path) -> None:
    reading = read(edge, save_as(kind, seven(mnist), tmp_path))
    assert reading.verdict == "label"
    assert reading.predictions[0].label == "7"


@pytest.mark.parametrize("size", [(1, 1), (1, 60_000), (60_000, 1), (300, 300)])
@pytest.mark.parametrize("shade", [0, 128, 255])
def test_one_color_has_no_digit(edge: Classifier, size: tuple[int, int], shade: int, tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("L", size, shade).save(path)
    assert read(edge, path).verdict == "no digit"


@pytest.mark.parametrize("size", [(64, 64), (1, 60_000), (600, 400)])
def test_noise_gets_no_label(edge: Classifier, size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, size, np.uint8)).save(path)
    assert read(edge, path).verdict in ("no digit", "uncertain")


def test_a_chessboard_gets_no_label(edge: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "board.png"
    Image.fromarray(np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.full((40, 40), 200)).astype(np.uint8)).save(path)
    assert read(edge, path).verdict in ("no digit", "uncertain")
