"""The layers and the augmentation that recipes are made of, as plain data."""

from dataclasses import dataclass
from typing import Literal

Padding = Literal["same", "valid"]
Activation = Literal["relu", "linear"]


@dataclass(frozen=True)
class Normal:
    """A normal initializer with mean 0. If `truncated`, values beyond two standard deviations are drawn again."""

    stddev: float
    truncated: bool = False


# If an initializer is None, Keras's default applies: Glorot uniform weights, zero biases.


@dataclass(frozen=True)
class Conv:
    """A square convolution with ReLU. `batch_norm` normalizes before the activation and replaces the bias."""

    filters: int
    kernel: int
    stride: int = 1
    padding: Padding = "same"
    batch_norm: bool = False
    weights: Normal | None = None
    biases: Normal | None = None


@dataclass(frozen=True)
class Separable:
    """A depthwise separable convolution with ReLU: a square filter for each channel, then a 1×1 convolution.

    `batch_norm` normalizes before the activation and replaces the bias. Source: F. Chollet, "Xception: Deep Learning
    with Depthwise Separable Convolutions", 2017.
    """

    filters: int
    kernel: int
    padding: Padding = "same"
    batch_norm: bool = False


@dataclass(frozen=True)
class Pool:
    """A 2×2 max pooling layer with stride 2."""

    padding: Padding = "valid"


@dataclass(frozen=True)
class GlobalPool:
    """The mean of each channel over the whole map."""


@dataclass(frozen=True)
class Dropout:
    """A dropout layer. `rate` is the share of values that it drops, 0 to 1."""

    rate: float


@dataclass(frozen=True)
class Dense:
    """A fully connected layer."""

    units: int
    activation: Activation = "relu"
    weights: Normal | None = None
    biases: Normal | None = None


@dataclass(frozen=True)
class Output:
    """The last dense layer, with one unit per class, and its softmax."""

    weights: Normal | None = None
    biases: Normal | None = None


Layer = Conv | Separable | Pool | GlobalPool | Dropout | Dense | Output


@dataclass(frozen=True)
class Augmentation:
    """Random changes to training images. Images are never mirrored.

    `rotation`, `scale`, `shift` and `shear` are bounds: each image gets a uniform value between minus and plus the
    bound. `filter`, `blur`, `light` and `noise` are the shares of images (0 to 1) that are put through a random 3×3
    filter, or are blurred, changed in light or made noisy, each by a random amount.

    The last three apply to handwritten digits in MNIST's form only, and are shares of images, too: `habits` of the 1s
    and 7s that get the strokes which other schools teach, `stretch` of the digits that are made wider or higher, up to
    a square, and `pen` of those whose strokes get thinner or thicker.
    """

    rotation: float = 0.0  # radians
    scale: float = 0.0  # as a share of the size
    shift: float = 0.0  # as a share of the size, along each axis
    shear: float = 0.0  # columns that a row moves, per row of distance from the middle
    elastic: float = 0.0  # elastic distortion: standard deviation of its shifts, as a share of the size
    filter: float = 0.0
    blur: float = 0.0
    light: float = 0.0
    noise: float = 0.0
    habits: float = 0.0
    stretch: float = 0.0
    pen: float = 0.0
