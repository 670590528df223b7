"""How makers of networks feed them: written down independently of edgecnn, which has to find it out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.third_party.network import Layout

Images = NDArray[np.uint8]
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Feed:
    """What a maker does with pixels, and how a user says so by `--preprocess`; None where no option can say it."""

    apply: Callable[[Images], Floats]
    option: str | None


def _standardized(mean: tuple[float, ...], std: tuple[float, ...]) -> Callable[[Images], Floats]:
    return lambda images: (images / 255 - np.array(mean)) / np.array(std)


def _caffe(images: Images) -> Floats:
    """`preprocess_input` of keras.applications.resnet and .vgg16."""
    return np.subtract(images[..., ::-1], (103.939, 116.779, 123.68))


def _each(images: Images) -> Floats:
    """`tf.image.per_image_standardization`: by every picture's own mean and deviation."""
    flat = images.reshape(len(images), -1)
    shape = (-1, *[1] * (images.ndim - 1))
    deviations = np.maximum(flat.std(axis=1), 1)
    standardized: Floats = (images - flat.mean(axis=1).reshape(shape)) / deviations.reshape(shape)
    return standardized


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
FASHION = ((0.2860,), (0.3530,))
FEEDS: Mapping[str, Feed] = {
    "0..255": Feed(lambda images: images.astype(float), "0..255"),
    "0..1": Feed(lambda images: images / 255, "0..1"),
    "-1..1": Feed(lambda images: images / 127.5 - 1, "-1..1"),
    "-0.5..0.5": Feed(lambda images: images / 255 - 0.5, "-0.5..0.5"),
    "mnist": Feed(_standardized((0.1307,), (0.3081,)), "mnist"),
    "imagenet": Feed(_standardized(*IMAGENET), "imagenet"),
    "cifar": Feed(_standardized(*CIFAR), "0.4914,0.4822,0.4465/0.2470,0.2435,0.2616"),
    "fashion": Feed(_standardized(*FASHION), "0.2860/0.3530"),
    "caffe": Feed(_caffe, "caffe"),
    "bgr 0..1": Feed(lambda images: images[..., ::-1] / 255, "0,0,0/1,1,1,bgr"),
    "half": Feed(lambda images: (images - 128.0) / 128, f"{128 / 255}/{128 / 255}"),
    "256": Feed(lambda images: images / 256, f"0/{256 / 255}"),
    "0..16": Feed(lambda images: images / 255 * 16, "0/0.0625"),
    "inverted": Feed(lambda images: 1 - images / 255, "1/-1"),
    "mean only": Feed(lambda images: images - 33.3, f"{33.3 / 255}/{1 / 255}"),
    "each": Feed(_each, None),
    "uint8": Feed(lambda images: images, None),  # type: ignore[arg-type,return-value]
}


def fed(images: Images, pixels: str, layout: Layout, shape: tuple[int | None, ...]) -> Floats:
    """Images, uint8 [n, height, width] or [n, height, width, 3], as the network takes them; `shape` is of one."""
    values = FEEDS[pixels].apply(images)
    if values.ndim == 4 and layout == "first":
        values = np.moveaxis(values, -1, 1)
    if None in shape:  # of any size
        return values if values.ndim == len(shape) + 1 else values[..., None]
    return values.reshape(len(values), *shape)
