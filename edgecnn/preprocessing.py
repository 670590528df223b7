"""Preprocessing: how the pixels of a picture become the numbers that a float model takes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any

from edgecnn.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Preprocessing:
    """A pixel p of 0 to 255 becomes p × `scale` + `offset`.

    Both have one number for all channels, or one for each of the model's three channels. These are red, green and blue,
    or with `bgr` blue, green and red. `size` is the height and width to bring pictures to, for a model that takes any
    size. Raises ValueError for other numbers.
    """

    scale: Numbers = (1.0,)
    offset: Numbers = (0.0,)
    bgr: bool = False
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.offset) or len(self.scale) not in (1, 3):
            raise ValueError("scale and offset have one number each, or three")
        if not all(isfinite(value) for value in (*self.scale, *self.offset)) or 0 in self.scale:
            raise ValueError("scale and offset are finite, and the scale is not 0")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ValueError("a size is a height and a width in pixels")

    @property
    def channels(self) -> int:
        """1 if all channels are treated alike, otherwise 3."""
        return 1 if not self.bgr and len(self.scale) == 1 else 3

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest number that a pixel can become."""
        ends = [
            value
            for scale, offset in zip(self.scale, self.offset, strict=True)
            for value in (offset, 255 * scale + offset)
        ]
        return min(ends), max(ends)

    @property
    def name(self) -> str:
        """Its name in NAMED, or MEAN/STD as `parse` reads it."""
        known = (name for name, item in NAMED.items() if _close(self, item))
        return next(known, "") or f"{_listed(self.mean)}/{_listed(self.std)}{',bgr' * self.bgr}"

    @property
    def mean(self) -> Numbers:
        """What is subtracted from a pixel of 0 to 1, by channel."""
        return tuple(-offset / (255 * scale) for scale, offset in zip(self.scale, self.offset, strict=True))

    @property
    def std(self) -> Numbers:
        """What a pixel of 0 to 1 is then divided by, by channel."""
        return tuple(1 / (255 * scale) for scale in self.scale)

    @property
    def formula(self) -> str:
        """What becomes of a pixel of 0 to 255, as people write it."""
        if set(self.scale) == {1.0}:
            levels = tuple(-offset for offset in self.offset)
            return f"pixel - {_listed(levels)}" if any(levels) else "unchanged"
        if not any(self.offset):
            return f"pixel / {_listed(tuple(1 / scale for scale in self.scale))}"
        moved = f"pixel / 255 - {_listed(self.mean)}"
        return moved if _listed(self.std) == "1" else f"({moved}) / {_listed(self.std)}"

    def __str__(self) -> str:
        order = ", in the order blue, green, red" if self.bgr else ""
        size = f", pictures brought to {self.size[0]}×{self.size[1]}" if self.size else ""
        return f"{self.name}: {self.formula}{order}{size}"

    def apply(self, pixels: "NDArray[np.uint8]", axis: int = -1) -> "NDArray[np.float32]":
        """Turn pixels of 0 to 255 into float32 numbers; `axis` is that of the channels, in the model's order."""
        import numpy as np  # only here: the command line reads the names of NAMED, and must start soon

        form = [1] * pixels.ndim
        form[axis] = len(self.scale)
        scale, offset = (np.array(values, np.float32).reshape(form) for values in (self.scale, self.offset))
        scaled: NDArray[np.float32] = pixels * scale
        return scaled + offset if any(self.offset) else scaled


def standardized(mean: Numbers, std: Numbers, *, bgr: bool = False) -> Preprocessing:
    """The preprocessing (p / 255 - mean) / std, as torchvision's Normalize does it after ToTensor."""
    scale = tuple(1 / (255 * deviation) for deviation in std)
    return Preprocessing(scale, tuple(-level / deviation for level, deviation in zip(mean, std, strict=True)), bgr)


# Names that `parse` reads. ImageNet's figures are those of torchvision.models and of keras.applications (mode "torch"),
# MNIST's those of PyTorch's examples, and "caffe" is the mode of that name in keras.applications (ResNet50, VGG16).
NAMED: Mapping[str, Preprocessing] = {
    "0..1": Preprocessing((1 / 255,)),
    "0..255": Preprocessing(),
    "-1..1": Preprocessing((1 / 127.5,), (-1.0,)),
    "-0.5..0.5": Preprocessing((1 / 255,), (-0.5,)),
    "mnist": standardized((0.1307,), (0.3081,)),
    "imagenet": standardized((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": Preprocessing((1.0, 1.0, 1.0), (-103.939, -116.779, -123.68), bgr=True),
}


def parse(text: str) -> Preprocessing:
    """Read a name of NAMED, or MEAN/STD for pixels of 0 to 1: `0.5/0.25`, or three numbers each with commas between.

    Raises UsageError for anything else.
    """
    if text in NAMED:
        return NAMED[text]
    try:
        mean, std = (tuple(map(float, part.split(","))) for part in text.removesuffix(",bgr").split("/"))
        return standardized(mean, std, bgr=text.endswith(",bgr"))
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"there is no preprocessing {text!r}: choose one of {', '.join(NAMED)}, or give MEAN/STD for pixels of 0 "
            "to 1, such as 0.1307/0.3081 or 0.5,0.5,0.5/0.2,0.2,0.2"
        ) from None


def from_plain(value: Any) -> Preprocessing:
    """Read what `to_plain` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    size = value.get("size")
    return Preprocessing(
        tuple(map(float, value["scale"])),
        tuple(map(float, value["offset"])),
        value.get("bgr") is True,
        None if size is None else (int(size[0]), int(size[1])),
    )


def to_plain(preprocessing: Preprocessing) -> dict[str, Any]:
    """The record as plain values, for JSON."""
    return asdict(preprocessing)


def _close(one: Preprocessing, other: Preprocessing) -> bool:
    if (one.bgr, len(one.scale)) != (other.bgr, len(other.scale)):
        return False
    pairs = zip((*one.scale, *one.offset), (*other.scale, *other.offset), strict=True)
    return all(isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) for a, b in pairs)


def _listed(values: Numbers) -> str:
    return ",".join(f"{value + 0.0:.6g}" for value in values)  # 0, also for -0
