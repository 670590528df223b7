"""Pictures of real digits in every form a file can take, and files that are no pictures."""

import gc
import random
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.errors import ImageError
from edgecnn.imaging.limits import MOST_PIXELS
from edgecnn.imaging.reading import open_picture, pixels, to_input
from edgecnn.imaging.shades import is_gray, scale_of

Pixels = NDArray[np.uint8]
SIDE = 28
EXIF_WIDTH, EXIF_ORIENTATION, QUARTER_TURN_CLOCKWISE = 0x0100, 0x0112, 6


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> Pixels:
    """A hundred test images whose darkest ink is 255, as inverting a picture makes it."""
    dark = mnist.test.images.max(axis=(1, 2)) == 255
    return mnist.test.images[np.flatnonzero(dark)[:100]]


def saved(picture: Image.Image, form: str = "PNG", **options: Any) -> BytesIO:
    file = BytesIO()
    picture.save(file, form, **options)
    file.seek(0)
    return file


def as_input(picture: Image.Image, form: str = "PNG", *, color: bool = False, **options: Any) -> Pixels:
    """What a model gets when the picture has been written to a file and read again."""
    return to_input(open_picture(saved(picture, form, **options), "a picture"), SIDE, SIDE, color=color)


def apart(a: Pixels, b: Pixels) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b).max())


def test_white_on_black_keeps_its_very_pixels(mnist: Dataset) -> None:
    for image in mnist.test.images[:200]:
        np.testing.assert_array_equal(as_input(Image.fromarray(image)), image, strict=True)


def test_no_mnist_image_is_taken_for_ink_on_paper(mnist: Dataset) -> None:
    images = mnist.test.images
    kept = [to_input(Image.fromarray(image), SIDE, SIDE, color=False) for image in images]
    np.testing.assert_array_equal(kept, images)


def test_black_on_white_is_inverted(digits: Pixels) -> None:
    for image in digits:
        np.testing.assert_array_equal(as_input(Image.fromarray(255 - image)), image, strict=True)


def test_gray_ink_on_gray_paper_is_brought_to_white_on_black(digits: Pixels) -> None:
    scan = np.round(210 - digits[0] * (150 / 255)).astype(np.uint8)  # paper 210, ink 60
    assert apart(as_input(Image.fromarray(scan)), digits[0]) <= 1


@pytest.mark.parametrize("shade", [0, 127, 200, 255])
def test_a_blank_picture_has_no_ink(shade: int) -> None:
    image = as_input(Image.new("L", (SIDE, SIDE), shade))
    assert np.ptp(image) == 0
    assert image[0, 0] == (0 if shade > 127 else shade)


def rgba(ink: int, alpha: Pixels) -> Image.Image:
    """Ink of one shade on a transparent ground."""
    shades = np.full((SIDE, SIDE, 3), ink, np.uint8)
    return Image.fromarray(np.concatenate([shades, alpha[..., None]], axis=-1))


def with_alpha(image: Pixels) -> Image.Image:
    return Image.fromarray(np.stack([np.zeros_like(image), image], axis=-1), "LA")


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda image: Image.fromarray(image).convert("RGB"), id="RGB"),
        pytest.param(lambda image: Image.fromarray(255 - image).convert("RGB"), id="RGB, black on white"),
        pytest.param(lambda image: Image.fromarray(image).convert("RGBA"), id="RGBA, opaque"),
        pytest.param(lambda image: rgba(0, image), id="RGBA, transparent ground"),
        pytest.param(with_alpha, id="gray, transparent ground"),
        pytest.param(lambda image: Image.fromarray(image).convert("P"), id="palette"),
        pytest.param(lambda image: Image.fromarray(image.astype(np.uint16) * 257), id="16 bits"),
        pytest.param(lambda image: Image.fromarray((255 - image).astype(np.uint16) * 257), id="16 bits, on white"),
    ],
)
def test_every_form_of_png_gives_the_same_digit(digits: Pixels, draw: Callable[[Pixels], Image.Image]) -> None:
    for image in digits[:20]:
        assert apart(as_input(draw(image)), image) <= 1


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_color_marked_transparent_shows_white_paper(digits: Pixels, mode: str) -> None:
    ink = digits[0] > 127
    picture = Image.fromarray(np.where(ink, 40, 0).astype(np.uint8)).convert(mode)
    image = as_input(picture, transparency=(0, 0, 0) if mode == "RGB" else 0)
    np.testing.assert_array_equal(image, np.where(ink, 255, 0))


@pytest.mark.parametrize("inverted", [False, True])
def test_one_bit_a_pixel_becomes_0_and_255(digits: Pixels, inverted: bool) -> None:
    ink = digits[0] > 127
    image = as_input(Image.fromarray(ink ^ inverted))
    np.testing.assert_array_equal(image, np.where(ink, 255, 0))


@pytest.mark.parametrize("form", ["JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_other_formats_are_read(digits: Pixels, form: str) -> None:
    assert np.abs(as_input(Image.fromarray(digits[0]), form).astype(int) - digits[0]).mean() < 4  # some are lossy


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_rotation_tag_is_applied(digits: Pixels, form: str) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = QUARTER_TURN_CLOCKWISE
    image = as_input(Image.fromarray(digits[0]), form, exif=exif)
    assert np.abs(image.astype(int) - np.rot90(digits[0], -1)).mean() < 4


@pytest.mark.parametrize("size", [(14, 14), (56, 56), (280, 280), (40, 100)])
@pytest.mark.parametrize("inverted", [False, True])
def test_another_size_is_resized(digits: Pixels, size: tuple[int, int], inverted: bool) -> None:
    picture = Image.fromarray(255 - digits[0] if inverted else digits[0]).resize(size, Image.Resampling.BICUBIC)
    image = as_input(picture)
    assert image.shape == (SIDE, SIDE)
    assert image.dtype == np.uint8
    assert np.corrcoef(image.ravel(), digits[0].ravel())[0, 1] > 0.9


def test_color_keeps_three_channels_and_does_not_invert(digits: Pixels) -> None:
    image = np.stack([digits[0], 255 - digits[0], digits[1]], axis=-1)
    np.testing.assert_array_equal(as_input(Image.fromarray(image), color=True), image, strict=True)
    paper = 255 - digits[0]
    np.testing.assert_array_equal(as_input(Image.fromarray(paper), color=True), np.dstack([paper] * 3))


def test_color_of_16_bit_gray_is_three_equal_channels(digits: Pixels) -> None:
    image = as_input(Image.fromarray(digits[0].astype(np.uint16) * 257), color=True)
    np.testing.assert_array_equal(image, np.dstack([digits[0]] * 3), strict=True)


@pytest.mark.parametrize(
    ("mode", "gray"), [("1", True), ("L", True), ("LA", True), ("I;16", True), ("RGB", False), ("RGBA", False)]
)
def test_a_picture_is_gray_if_its_file_stores_brightness_alone(mode: str, gray: bool) -> None:
    assert is_gray(open_picture(saved(Image.new(mode, (SIDE, SIDE))))) is gray


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("gray", [False, True])
def test_a_palette_is_gray_if_all_its_colors_are(digits: Pixels, form: str, gray: bool) -> None:
    picture = Image.fromarray(digits[0] // 128).convert("L")
    picture.putpalette([0, 0, 0, 200, 200, 200 if gray else 100])
    assert is_gray(open_picture(saved(picture, form))) is gray
    shown = pixels(open_picture(saved(picture, form)), color=True)
    np.testing.assert_array_equal(shown[digits[0] > 127][0], [200, 200, 200 if gray else 100])


def test_pixels_are_left_as_they_are_stored(digits: Pixels) -> None:
    paper = Image.fromarray(255 - digits[0])
    np.testing.assert_array_equal(pixels(paper, color=False), 255 - digits[0])


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        open_picture(path)
    assert str(caught.value).startswith(f"{path} ")
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\0", b"a line of text\n", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    assert "is not a picture that can be read: give a PNG or JPEG file" in refusal(path)


@pytest.mark.parametrize(
    ("name", "reason"), [("absent.png", "No such file or directory"), ("", "it is not a regular file")]
)
def test_a_file_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    assert f"cannot be read as a picture ({reason}): give a complete PNG or JPEG file" in refusal(tmp_path / name)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_truncated_picture_is_refused(tmp_path: Path, digits: Pixels, form: str) -> None:
    path = tmp_path / f"digit.{form}"
    path.write_bytes(saved(Image.fromarray(digits[0]), form).getvalue()[:-150])
    assert "read" in refusal(path)


def test_a_stream_is_named_as_told() -> None:
    with pytest.raises(ImageError, match=r"^the upload is not a picture"):
        open_picture(BytesIO(b"text"), "the upload")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, for TIFF tags
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_damaged_pictures_are_refused_or_read(digits: Pixels, form: str) -> None:
    chance = random.Random(0)
    whole = saved(Image.fromarray(digits[0]), form).getvalue()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(min(len(whole), chance.choice([60, 200, len(whole)])))] = chance.randrange(256)
        with suppress(ImageError):
            picture = open_picture(BytesIO(damaged), "a picture")
            assert to_input(picture, SIDE, SIDE, color=False).shape == (SIDE, SIDE)


def test_a_tiff_with_a_text_for_a_number_is_refused(digits: Pixels) -> None:
    whole = saved(Image.fromarray(digits[0]), "TIFF").getvalue()
    strips = whole.index(b"\x11\x01\x04\0")  # tag 273, strip offsets, of type 4; type 2 is text
    damaged = whole[: strips + 2] + b"\2" + whole[strips + 3 :]
    with pytest.raises(ImageError, match=r"^a picture cannot be read as a picture"):
        open_picture(BytesIO(damaged), "a picture")


def test_a_jpeg_with_an_odd_tag_beside_its_rotation_is_turned(digits: Pixels) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION], exif[EXIF_WIDTH] = QUARTER_TURN_CLOCKWISE, SIDE
    whole = saved(Image.fromarray(digits[0]), "JPEG", exif=exif).getvalue()
    width = whole.index(b"\x01\0\0\x04")  # tag 256 of type 4; type 2 is text
    damaged = whole[: width + 3] + b"\2" + whole[width + 4 :]
    image = pixels(open_picture(BytesIO(damaged), "a picture"), color=False)
    assert np.abs(image.astype(int) - np.rot90(digits[0], -1)).mean() < 4


@pytest.mark.parametrize(
    ("side", "kept", "fault"),
    [
        (10_000, None, "has 10000×10000 pixels, more than 60,000,000"),
        (10_000, 60, "has 10000×10000 pixels, more than 60,000,000"),
        (20_000, None, "more than 60,000,000"),
    ],
    ids=["100 megapixels", "its header alone: nothing was decoded", "400 megapixels, which Pillow refuses itself"],
)
def test_a_decompression_bomb_is_refused_undecoded(tmp_path: Path, side: int, kept: int | None, fault: str) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(saved(Image.new("1", (side, side))).getvalue()[:kept])
    assert fault in refusal(path)


def test_as_many_pixels_as_a_photograph_has_are_read() -> None:
    picture = open_picture(saved(Image.new("1", (MOST_PIXELS // 6000, 6000), 1)))
    assert to_input(picture, SIDE, SIDE, color=False).max() == 0


@pytest.mark.filterwarnings("error")
def test_a_refused_picture_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    Image.new("L", (40, 40)).save(path)
    left_open: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", left_open.append)
    for name in ("edgecnn.imaging.limits.MOST_PIXELS", "PIL.Image.MAX_IMAGE_PIXELS"):
        with monkeypatch.context() as patch:
            patch.setattr(name, 100)
            with pytest.raises(ImageError, match="make it smaller"):
                open_picture(path)
    gc.collect()  # a file that was left open would warn now
    assert left_open == []


def test_a_value_that_is_not_a_number_is_refused_wherever_it_is() -> None:
    """A large picture is read strip by strip, and what is not a number is neither smaller nor larger."""
    values = np.linspace(0, 1, 1500 * 1500, dtype=np.float32).reshape(1500, 1500)
    open_picture(saved(Image.fromarray(values), "TIFF"), "a picture")
    values[-1, -1] = np.nan
    with pytest.raises(ImageError, match="has values from nan to nan"):
        open_picture(saved(Image.fromarray(values), "TIFF"), "a picture")


def test_the_scale_of_a_deep_picture_is_found_without_keeping_its_strips() -> None:
    strips = (Image.new("F", (1000, 1000)) for _ in range(20))  # of 4 MB
    tracemalloc.start()
    scale_of(strips)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
