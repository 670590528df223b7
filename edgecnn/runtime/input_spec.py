"""InputSpec: describes a model's input, checks images against it and converts them. It needs no runtime."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import InputError
from edgecnn.preprocessing import NAMED, Preprocessing

DTYPES = ("uint8", "float32", "float16")
ASSUMED = NAMED["0..1"]  # for a float model that does not say how to preprocess pixels
Size = int | None


class Layout(NamedTuple):
    """How one image lies in a model's input: its height and width, its channels (1 or 3), and their axis.

    `axis` counts from the end: -1 for [height, width, 3], -3 for [3, height, width]. It is None if all pixels follow
    one another in one dimension.
    """

    height: Size
    width: Size
    channels: int
    axis: int | None = -1

    @property
    def image_shape(self) -> tuple[Size, ...]:
        """The shape of such an image as a picture: [height, width] or [height, width, 3]."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, 3)


@dataclass(frozen=True)
class InputSpec:
    """The input of a model.

    `shape` is the shape of one image, without the batch dimension; a dimension of any size is None. `dtype` is uint8,
    float32 or float16. `preprocessing` turns pixels of 0 to 255 into a float model's numbers.
    """

    shape: tuple[Size, ...]
    dtype: str
    preprocessing: Preprocessing = NAMED["0..255"]

    def __str__(self) -> str:
        dims = ", ".join("any" if size is None else str(size) for size in self.shape)
        low, high = self.preprocessing.range
        return f"{self.dtype} [batch, {dims}], {low:.4g} to {high:.4g}"

    @cached_property
    def layout(self) -> Layout | None:
        """How an image lies in the input; None if the input is not an image with 1 or 3 channels."""
        sizes = tuple(size for size in self.shape if size != 1)
        if len(sizes) == 3 and 3 in (sizes[0], sizes[2]):
            last = sizes[2] == 3
            height, width = sizes[:2] if last else sizes[1:]
            return Layout(height, width, 3, -1 if last else -3)
        if len(sizes) == 2:
            return Layout(*sizes, 1)
        return _flat(sizes[0]) if len(sizes) == 1 and sizes[0] is not None else None

    @property
    def image_size(self) -> tuple[int, int, bool]:
        """The height and width of an image in pixels, and whether it is in color.

        Raises InputError if the model does not take images of a known size with 1 or 3 channels.
        """
        layout = self.layout
        if layout is None:
            raise InputError(f"the model takes {self}: pictures need [height, width] with 1 or 3 channels")
        if self.preprocessing.size:
            return (*self.preprocessing.size, layout.channels == 3)
        if layout.height is None or layout.width is None:
            raise InputError(
                f"the model takes {self}, pictures of any size: export it with --data, so that the size of its "
                "training images is known"
            )
        return layout.height, layout.width, layout.channels == 3

    def matches(self, image_shape: tuple[int, ...]) -> bool:
        """Whether the model takes pictures of this shape, or images of this shape in its own layout."""
        return _fits(image_shape, self.shape) or (
            self.layout is not None and _fits(image_shape, self.layout.image_shape)
        )

    def prepare(self, images: Any) -> NDArray[Any]:
        """Check `images`, [n, …], and convert them to the model's shape and type.

        Every model takes uint8 pictures, [n, height, width] or [n, height, width, 3] in the order red, green, blue, and
        uint8 images in its own layout. A float model also takes float32 images that are preprocessed already, in its
        own layout. Dimensions of size 1 may be missing or added. Raises InputError for other images.
        """
        self.check(images)
        return self.convert(images)

    def convert(self, images: NDArray[Any]) -> NDArray[Any]:
        """As `prepare`, for images that `check` has accepted."""
        arranged = self._arranged(images)
        if self.dtype == "uint8":
            return arranged
        if images.dtype == np.uint8:
            return self._preprocessed(arranged).astype(self.dtype, copy=False)
        self._require_preprocessed(images)
        return arranged.astype(self.dtype)

    def check(self, images: Any) -> None:
        """Raise InputError for images whose shape or type `prepare` does not take."""
        if not isinstance(images, np.ndarray):
            raise InputError(
                f"expected a numpy array, {self}; got {type(images).__name__}: convert with numpy.asarray(images)"
            )
        if images.dtype != np.uint8 and not (self.dtype != "uint8" and images.dtype == np.float32):
            raise InputError(
                f"expected {self}; got {images.dtype}: convert with images.astype(numpy.uint8), "
                "or values from 0 to 1 with (255 * images).round().astype(numpy.uint8)"
            )
        if not _same(images.shape[1:], self.shape) and not (images.ndim > 1 and self.matches(images.shape[1:])):
            hint = "; a single image needs a batch dimension: image[None]" if self.matches(images.shape) else ""
            raise InputError(f"expected {self}; got shape {list(images.shape)}{hint}")

    def _arranged(self, images: NDArray[Any]) -> NDArray[Any]:
        """The images in the model's own layout and shape, the channels in its own order."""
        given = images.shape[1:]
        if _same(given, self.shape):
            return self._ordered(images)
        if _fits(given, self.shape):
            found = iter(size for size in given if size != 1)
            shape = (1 if size == 1 else next(found) for size in self.shape)
            return self._ordered(images.reshape(len(images), *shape))
        assert self.layout is not None, "`check` came first"
        return self._from_pictures(images, self.layout)

    def _from_pictures(self, images: NDArray[Any], layout: Layout) -> NDArray[Any]:
        """Pictures of another layout than the model's: channels first, or flat."""
        pixels = images[..., ::-1] if self.preprocessing.bgr and images.dtype == np.uint8 else images
        moved = np.moveaxis(pixels, -1, -3) if layout.channels == 3 and layout.axis == -3 else pixels
        sizes = iter(size for size in moved.shape[1:] if size != 1)
        if layout.axis is None:
            return moved.reshape(len(images), *(1 if size == 1 else -1 for size in self.shape))
        shape = [1 if size == 1 else next(sizes) for size in self.shape]
        return np.ascontiguousarray(moved.reshape(len(images), *shape))

    def _ordered(self, images: NDArray[Any]) -> NDArray[Any]:
        """Pixels in the order of the model's channels; preprocessed numbers are in that order already."""
        layout = self.layout
        if not self.preprocessing.bgr or images.dtype != np.uint8 or layout is None or layout.axis is None:
            return images
        return np.flip(images, layout.axis)

    def _preprocessed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        layout = self.layout
        if self.preprocessing.channels == 1 or layout is None or layout.axis is not None:
            return self.preprocessing.apply(pixels, layout.axis if layout and layout.axis else -1)
        by_channel = self.preprocessing.apply(pixels.reshape(len(pixels), -1, 3))
        return by_channel.reshape(pixels.shape)

    def _require_preprocessed(self, images: NDArray[np.float32]) -> None:
        if not np.isfinite(images).all():
            raise InputError(f"expected {self}; got NaN or infinite values: remove them")
        low, high = self.preprocessing.range
        slack = 1e-6 * max(abs(low), abs(high))
        if images.size and (images.min() < low - slack or images.max() > high + slack):
            raise InputError(f"expected {self}; got values from {images.min():g} to {images.max():g}: scale them")


def _flat(count: int) -> Layout | None:
    """The layout of a square image whose pixels lie in one dimension."""
    for channels in (1, 3):
        side = isqrt(count // channels)
        if side > 1 and side * side * channels == count:
            return Layout(side, side, channels, None)
    return None


def _same(given: tuple[int, ...], shape: tuple[Size, ...]) -> bool:
    if given == shape:  # as most are
        return True
    return len(given) == len(shape) and all(size in (None, found) for found, size in zip(given, shape, strict=True))


def _fits(given: tuple[int, ...], shape: tuple[Size, ...]) -> bool:
    """Whether an array of one shape can take another by dropping and adding dimensions of size 1."""
    without_ones = tuple(size for size in given if size != 1), tuple(size for size in shape if size != 1)
    return _same(*without_ones)
