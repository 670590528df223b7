"""InputSpec: describes a model's input, checks images against it and converts them. It needs no runtime."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import InputError

DTYPES = ("uint8", "float32", "float16")
PIXEL_SCALE = 1 / 255  # for a float model that does not say how to scale pixels


@dataclass(frozen=True)
class InputSpec:
    """The input of a model.

    `shape` is the shape of one image, without the batch dimension; a dimension of any size is None. `dtype` is uint8,
    float32 or float16. A float model takes a pixel p of 0 to 255 as p × `scale`.
    """

    shape: tuple[int | None, ...]
    dtype: str
    scale: float = 1.0

    def __str__(self) -> str:
        dims = ", ".join("any" if size is None else str(size) for size in self.shape)
        span = "0 to 255" if self.dtype == "uint8" else f"0 to {255 * self.scale:g}"
        return f"{self.dtype} [batch, {dims}], {span}"

    @property
    def image_size(self) -> tuple[int, int, bool]:
        """The height and width of an image in pixels, and whether it is in color.

        Raises InputError if the model does not take images of a fixed size with 1 or 3 channels.
        """
        sizes = [size for size in self.shape if size != 1] if len(self.shape) == 3 else list(self.shape)
        color = len(sizes) == 3 and sizes[-1] == 3
        if len(sizes) != 2 + color or None in sizes:
            raise InputError(
                f"the model takes {self}: pictures need [height, width] of a fixed size, with 1 or 3 channels last"
            )
        return int(sizes[0] or 0), int(sizes[1] or 0), color

    def matches(self, image_shape: tuple[int, ...]) -> bool:
        """Whether the model takes images of this shape. Dimensions of size 1 are ignored."""
        wanted, found = (tuple(size for size in dims if size != 1) for dims in (self.shape, image_shape))
        return len(wanted) == len(found) and all(a in (None, b) for a, b in zip(wanted, found, strict=True))

    def prepare(self, images: Any) -> NDArray[Any]:
        """Check `images`, [n, …], and convert them to the model's shape and type.

        Every model takes uint8 images; a float model also takes float32 images that are already scaled. Dimensions of
        size 1 may be missing or added. Raises InputError for other images.
        """
        if not isinstance(images, np.ndarray):
            raise InputError(
                f"expected a numpy array, {self}; got {type(images).__name__}: convert with numpy.asarray(images)"
            )
        if images.dtype != np.uint8 and not (self.dtype != "uint8" and images.dtype == np.float32):
            raise InputError(
                f"expected {self}; got {images.dtype}: convert with images.astype(numpy.uint8), "
                "or values from 0 to 1 with (255 * images).round().astype(numpy.uint8)"
            )
        reshaped = self._reshape(images)
        if images.dtype == np.uint8:
            return reshaped if self.dtype == "uint8" else (reshaped * np.float32(self.scale)).astype(self.dtype)
        if not np.isfinite(images).all():
            raise InputError(f"expected {self}; got NaN or infinite values: remove them")
        if images.size and (images.min() < 0 or images.max() > 255 * self.scale * (1 + 1e-6)):
            raise InputError(f"expected {self}; got values from {images.min():g} to {images.max():g}: scale them")
        return reshaped.astype(self.dtype)

    def _reshape(self, images: NDArray[Any]) -> NDArray[Any]:
        given = images.shape[1:]
        if len(given) == len(self.shape) and all(b in (None, a) for a, b in zip(given, self.shape, strict=True)):
            return images
        if images.ndim < 2 or not self.matches(given):
            hint = "; a single image needs a batch dimension: image[None]" if self.matches(images.shape) else ""
            raise InputError(f"expected {self}; got shape {list(images.shape)}{hint}")
        found = iter(size for size in given if size != 1)
        return images.reshape(len(images), *(1 if size == 1 else next(found) for size in self.shape))
