"""Tells by the name of an array, a file or a folder which split it is, and whether it holds images or labels."""

import re
from typing import Literal

SplitName = Literal["train", "test", "validation"]
Kind = Literal["images", "labels"]

SPLITS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst", "t10k"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("x", "image", "images", "img", "imgs", "data", "features", "pixels", "inputs"), "images"),
    **dict.fromkeys(("y", "label", "labels", "target", "targets", "class", "classes"), "labels"),
}
WORD = re.compile(r"t10k|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
GLUED = re.compile(r"([xy])(train|test|val|valid|validation)|(train|test|val|valid|validation)([xy])")


def split_of(name: str) -> SplitName | None:
    """The split that a name such as `x_train`, `mnist_test.csv` or `Validation` tells; None if it tells no or two."""
    found = {SPLITS[word] for word in _words(name) if word in SPLITS}
    return found.pop() if len(found) == 1 else None


def kind_of(name: str) -> Kind | None:
    """What an array is by its name, such as `x_train`, `test_labels` or `images`; None if it tells nothing or both."""
    found = {KINDS[word] for word in _words(name) if word in KINDS}
    return found.pop() if len(found) == 1 else None


def label_order(name: str) -> tuple[bool, int, str]:
    """Sorts numbers by value (2 before 10), then words alphabetically."""
    return (False, int(name), name) if name.isdecimal() and len(name) < 20 else (True, 0, name)


def _words(name: str) -> list[str]:
    words = [word.lower() for word in WORD.findall(name)]
    return [part for word in words for part in _parts(word)]


def _parts(word: str) -> list[str]:
    glued = GLUED.fullmatch(word)
    return [part for part in glued.groups() if part] if glued else [word]
