"""The picture formats that are read, recognized by their first bytes. No other decoder of Pillow ever runs."""

from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO, NamedTuple

from edgecnn.imaging import outlines, tiff


class Format(NamedTuple):
    """One format: Pillow's name and module for it, how its files begin, and the check before Pillow reads one.

    `working_memory` returns the bytes that decoding takes beside the picture, and raises Refusal.
    """

    name: str
    plugin: str
    starts: tuple[bytes, ...]
    working_memory: Callable[[BinaryIO], int]

    def load_plugin(self) -> None:
        """Make Pillow know the format. Otherwise, it would load all of its formats to look for it."""
        import_module(f"PIL.{self.plugin}")


FORMATS = (
    Format("PNG", "PngImagePlugin", (b"\x89PNG\r\n\x1a\n",), outlines.png_memory),
    Format("JPEG", "JpegImagePlugin", (b"\xff\xd8\xff",), outlines.jpeg_memory),
    Format("BMP", "BmpImagePlugin", (b"BM",), outlines.bmp_memory),
    Format("GIF", "GifImagePlugin", (b"GIF87a", b"GIF89a"), outlines.gif_memory),
    Format("WEBP", "WebPImagePlugin", (b"RIFF",), outlines.webp_memory),
    Format("TIFF", "TiffImagePlugin", tiff.MAGIC, tiff.working_memory),
)


def recognize(file: BinaryIO) -> Format | None:
    """The format of a file, or None if it is not one of those that are read. The file is back at its start then."""
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    return next((item for item in FORMATS if start.startswith(item.starts)), None)
