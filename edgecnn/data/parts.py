"""What a file or folder holds before it is checked: images and labels, by split."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from edgecnn.data.roles import SplitName

Array = NDArray[Any]


class Pair(NamedTuple):
    """Images and their labels as stored, of any type and shape."""

    images: Array
    labels: Array


@dataclass(frozen=True)
class Parts:
    """The splits that are there.

    `names` are the classes' names if the labels are their indices. `decoded` tells that the pixels are those of
    pictures: uint8, 0 to 255, however dark they are. `typed` is false for numbers that were stored as text: then their
    type tells nothing of their scale.
    """

    train: Pair
    test: Pair | None = None
    validation: Pair | None = None
    names: tuple[str, ...] | None = None
    decoded: bool = False
    typed: bool = True

    @property
    def pairs(self) -> dict[SplitName, Pair]:
        """The splits by name, training first."""
        named: dict[SplitName, Pair | None] = {"train": self.train, "test": self.test, "validation": self.validation}
        return {name: pair for name, pair in named.items() if pair is not None}

    def changed(self, pairs: Mapping[SplitName, Pair], names: tuple[str, ...] | None) -> "Parts":
        """The same with other arrays and names."""
        train, test, validation = pairs["train"], pairs.get("test"), pairs.get("validation")
        return replace(self, train=train, test=test, validation=validation, names=names)
