"""The ways to preprocess pixels that are tried for a float model that does not say which it wants."""

from collections.abc import Mapping

from edgecnn.data import Split
from edgecnn.preprocessing import NAMED, Preprocessing, standardized
from edgecnn.runtime.input_spec import InputSpec

# Names of candidates with the mean of the training images, by channel: with their deviation, or with the mean alone.
BY_DATA, CENTERED = "by the data", ("0..1 less the mean", "0..255 less the mean")
# What pixels become beside a way to scale them: moved by a share of the range, stretched by a factor.
MOVED = {"darker": -0.1, "lighter": 0.1}
STRETCHED = {"of less contrast": 0.5, "of more contrast": 2.0}


def candidates(spec: InputSpec, train: Split) -> Mapping[str, Preprocessing]:
    """What is tried for a float model, by name: the usual ones first."""
    color = spec.layout is not None and spec.layout.channels == 3
    usual = ("0..1", "0..255", "-1..1", "-0.5..0.5", *(("imagenet", "caffe") if color else ("mnist",)))
    found = {name: NAMED[name] for name in usual}
    turned = {f"{name},bgr": _turned(NAMED[name]) for name in ("0..1", "0..255", "-1..1")} if color else {}
    return found | turned | _by_data(train)


def around(how: Preprocessing) -> Mapping[str, Preprocessing]:
    """The same, moved and stretched, by the names of MOVED and STRETCHED: a trained model answers worse for each."""
    low, high = how.range
    moved = {
        word: Preprocessing(how.scale, tuple(offset + step * (high - low) for offset in how.offset), how.bgr)
        for word, step in MOVED.items()
    }
    stretched = {
        word: Preprocessing(tuple(scale * factor for scale in how.scale), how.offset, how.bgr)
        for word, factor in STRETCHED.items()
    }
    return moved | stretched


def _turned(how: Preprocessing) -> Preprocessing:
    return Preprocessing(how.scale * 3, how.offset * 3, bgr=True)


def _by_data(train: Split) -> dict[str, Preprocessing]:
    """By the mean and the deviation of the training images, by channel; none if they are all of one color."""
    pixels = train.images.reshape(-1, 3) if train.images.ndim == 4 else train.images.reshape(-1, 1)
    mean, std = pixels.mean(axis=0) / 255, pixels.std(axis=0) / 255
    if not (std > 0).all():
        return {}
    means = tuple(mean.tolist())
    scales = (BY_DATA, tuple(std.tolist())), *zip(CENTERED, ((1.0,), (1 / 255,)), strict=True)
    return {name: standardized(means, scale * (len(means) // len(scale))) for name, scale in scales}
