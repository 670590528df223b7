"""Pictures that ask for much memory, in every format that is read."""

import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.hostile import png

Make = Callable[[Path], object]
SIDE = 7_700  # squared, 59 megapixels: the most that is read is 60
Image.MAX_IMAGE_PIXELS = None


def drawn(path: Path, width: int, height: int, mode: str = "RGB", **how: Any) -> None:
    """A picture of broad stripes, as Pillow saves it."""
    stripes = np.arange(height, dtype=np.uint32)[:, None] * np.ones(width, np.uint32)
    picture = Image.fromarray((stripes // 64 % 256).astype(np.uint8)).convert(mode)
    picture.save(path, **how)


def flat(path: Path, width: int, height: int, **how: Any) -> None:
    """A picture of one color."""
    Image.new("RGB", (width, height)).save(path, **how)


def deep(path: Path, width: int, height: int, kind: type[np.generic], **how: Any) -> None:
    """A gray picture of that type of numbers."""
    Image.fromarray(np.zeros((height, width), kind)).save(path, **how)


def moving(path: Path, width: int, height: int, frames: int, **how: Any) -> None:
    """An animation whose frames differ in one pixel."""
    first = Image.new("P", (width, height))
    others = [first.copy() for _ in range(1, frames)]
    for number, frame in enumerate(others):
        frame.putpixel((number, 0), 1)
    first.save(path, save_all=True, append_images=others, **how)


def turned(path: Path, width: int, height: int, **how: Any) -> None:
    """A picture with a tag that says to turn it."""
    exif = Image.Exif()
    exif[274] = 6
    drawn(path, width, height, exif=exif, **how)


def tiff(path: Path, width: int, height: int, tile: int) -> None:
    """One tile of that side, of a picture that is smaller, compressed."""
    size = tile * tile
    content = b"".join(png.zeros(size))
    tags = [(256, width), (257, height), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, tile), (323, tile), (324, 8), (325, len(content))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(content)) + content + directory + bytes(4))


def text_bomb(path: Path, kind: bytes) -> None:
    """A small picture with a text or a color profile of 2 GB, compressed."""
    content = b"Comment\0\0" + b"".join(png.zeros(2 * 10**9))
    png.write(path, 28, 28, more=png.chunk(kind, content))


def avif(path: Path) -> None:
    """The start of an AVIF file, a format that is not read."""
    path.write_bytes(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(10**6))


MADE: Mapping[str, tuple[str, Make]] = {
    "PNG, 60,000,000 × 1": ("a.png", partial(png.write, width=60_000_000, height=1)),
    "PNG, 1 × 60,000,000": ("a.png", partial(png.write, width=1, height=60_000_000)),
    "PNG, 65,535 × 915": ("a.png", partial(png.write, width=65_535, height=915)),
    "PNG, 100 MP": ("a.png", partial(png.write, width=10_000, height=10_000)),
    "PNG, 1 bit, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, bits=1)),
    "PNG, palette of 2 colors, 59 MP": (
        "a.png",
        partial(png.write, width=SIDE, height=SIDE, color=png.PALETTE, bits=1),
    ),
    "PNG, palette, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, color=png.PALETTE)),
    "PNG, RGB, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, color=png.RGB)),
    "PNG, RGBA, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, color=png.RGBA)),
    "PNG, 16 bits, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, bits=16)),
    "PNG, 16 bits, 24 MP": ("a.png", partial(png.write, width=6_000, height=4_000, bits=16)),
    "PNG, RGBA of 16 bits, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, color=png.RGBA, bits=16)),
    "PNG, interlaced RGBA, 59 MP": (
        "a.png",
        partial(png.write, width=SIDE, height=SIDE, color=png.RGBA, interlaced=True),
    ),
    "PNG, interlaced gray, 59 MP": ("a.png", partial(png.write, width=SIDE, height=SIDE, interlaced=True)),
    "PNG, a text of 2 GB": ("a.png", partial(text_bomb, kind=b"zTXt")),
    "PNG, a profile of 2 GB": ("a.png", partial(text_bomb, kind=b"iCCP")),
    "PNG, 300 frames of 4 MP": ("a.png", partial(moving, width=2_000, height=2_000, frames=300)),
    "JPEG, 59 MP": ("a.jpg", partial(drawn, width=SIDE, height=SIDE)),
    "JPEG, gray, 59 MP": ("a.jpg", partial(drawn, width=SIDE, height=SIDE, mode="L")),
    "JPEG, all colors kept, 59 MP": ("a.jpg", partial(drawn, width=SIDE, height=SIDE, subsampling=0)),
    "JPEG, progressive, 50 MP": ("a.jpg", partial(drawn, width=8_660, height=5_773, progressive=True)),
    "JPEG, progressive, 100 MP": ("a.jpg", partial(drawn, width=10_000, height=10_000, progressive=True)),
    "JPEG, progressive, 24 MP, all colors kept": (
        "a.jpg",
        partial(drawn, width=6_000, height=4_000, progressive=True, subsampling=0),
    ),
    "JPEG, CMYK, 59 MP": ("a.jpg", partial(drawn, width=SIDE, height=SIDE, mode="CMYK")),
    "JPEG, CMYK, progressive, 59 MP": (
        "a.jpg",
        partial(drawn, width=SIDE, height=SIDE, mode="CMYK", progressive=True),
    ),
    "JPEG, turned, 59 MP": ("a.jpg", partial(turned, width=SIDE, height=SIDE)),
    "JPEG, 65,500 × 900": ("a.jpg", partial(drawn, width=65_500, height=900)),
    "JPEG, 900 × 65,500": ("a.jpg", partial(drawn, width=900, height=65_500)),
    "TIFF, 16 bits, 59 MP": ("a.tif", partial(deep, width=SIDE, height=SIDE, kind=np.uint16, compression="tiff_lzw")),
    "TIFF, 16 bits, 24 MP": ("a.tif", partial(deep, width=6_000, height=4_000, kind=np.uint16, compression="tiff_lzw")),
    "TIFF, float32, 24 MP": (
        "a.tif",
        partial(deep, width=6_000, height=4_000, kind=np.float32, compression="tiff_lzw"),
    ),
    "TIFF, float32, 59 MP": (
        "a.tif",
        partial(deep, width=SIDE, height=SIDE, kind=np.float32, compression="tiff_adobe_deflate"),
    ),
    "TIFF, RGBA, 59 MP": (
        "a.tif",
        partial(drawn, width=SIDE, height=SIDE, mode="RGBA", compression="tiff_adobe_deflate"),
    ),
    "TIFF, RGB, 24 MP, uncompressed": ("a.tif", partial(drawn, width=6_000, height=4_000)),
    "TIFF, turned, 24 MP": ("a.tif", partial(turned, width=6_000, height=4_000, compression="tiff_lzw")),
    "TIFF, JPEG within, 59 MP": ("a.tif", partial(drawn, width=SIDE, height=SIDE, compression="jpeg")),
    "TIFF, fax, 59 MP": ("a.tif", partial(drawn, width=SIDE, height=SIDE, mode="1", compression="group4")),
    "TIFF, 28 × 28 in a tile of 60,000 × 60,000": ("a.tif", partial(tiff, width=28, height=28, tile=60_000)),
    "TIFF, 59 MP in a tile of 7,712 × 7,712": ("a.tif", partial(tiff, width=SIDE, height=SIDE, tile=7_712)),
    "GIF, 59 MP": ("a.gif", partial(drawn, width=SIDE, height=SIDE, mode="L")),
    "GIF, 65,535 × 915": ("a.gif", partial(drawn, width=65_535, height=915, mode="L")),
    "GIF, 300 frames of 4 MP": ("a.gif", partial(moving, width=2_000, height=2_000, frames=300)),
    "WebP, 16,383 × 16,383": ("a.webp", partial(flat, width=16_383, height=16_383, lossless=True, method=0)),
    "WebP, 59 MP": ("a.webp", partial(drawn, width=SIDE, height=SIDE, method=0)),
    "WebP, lossless, 59 MP": ("a.webp", partial(drawn, width=SIDE, height=SIDE, lossless=True, method=0)),
    "WebP, transparent, 59 MP": ("a.webp", partial(drawn, width=SIDE, height=SIDE, mode="RGBA", method=0)),
    "WebP, 100 frames of 4 MP": (
        "a.webp",
        partial(moving, width=2_000, height=2_000, frames=100, lossless=True, method=0, quality=0),
    ),
    "BMP, 33 MP": ("a.bmp", partial(drawn, width=6_660, height=5_000)),
    "BMP, 1 bit, 59 MP": ("a.bmp", partial(drawn, width=SIDE, height=SIDE, mode="1")),
    "BMP, 59 MP, gray": ("a.bmp", partial(drawn, width=SIDE, height=SIDE, mode="L")),
    "AVIF": ("a.avif", avif),
    "AVIF named PNG": ("a.png", avif),
}
