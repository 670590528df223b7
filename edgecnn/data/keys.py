"""Finds, among the names of arrays, the images and labels of each split: Keras's names, MedMNIST's and others."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgecnn.data.parts import Array, Pair, Parts
from edgecnn.data.roles import Kind, SplitName, kind_of, split_of
from edgecnn.errors import DataError


class Role(NamedTuple):
    """What an array is."""

    split: SplitName
    kind: Kind


# If these are there, other names do not count.
KERAS = {
    Role("train", "images"): "x_train",
    Role("train", "labels"): "y_train",
    Role("test", "images"): "x_test",
    Role("test", "labels"): "y_test",
}


def keys_of(name: str, keys: Sequence[str]) -> dict[Role, str]:
    """The name of the array for each role. Raises DataError if a role has none or two; its message begins with `name`.

    Names without a split, such as `images` and `labels`, are of training if no names tell that split.
    """
    if set(KERAS.values()) <= set(keys):
        validation = {"x_val": Role("validation", "images"), "y_val": Role("validation", "labels")}
        return KERAS | ({role: key for key, role in validation.items()} if validation.keys() <= set(keys) else {})
    roles = _roles(name, keys)
    splits: set[SplitName] = {"train", *(role.split for role in roles)}
    missing = [f"{split} {kind}" for split in sorted(splits) for kind in _kinds() if Role(split, kind) not in roles]
    if missing:
        raise DataError(
            f"{name} lacks {' and '.join(missing)} among {', '.join(sorted(keys)[:8]) or 'no arrays'}: "
            f"use the names {', '.join(KERAS.values())}"
        )
    return roles


def to_parts(arrays: Mapping[Role, Array]) -> Parts:
    """The splits of these arrays, which have both images and labels of each."""
    splits = {role.split for role in arrays}
    pairs = {split: Pair(arrays[Role(split, "images")], arrays[Role(split, "labels")]) for split in splits}
    return Parts(pairs["train"], pairs.get("test"), pairs.get("validation"))


def _roles(name: str, keys: Sequence[str]) -> dict[Role, str]:
    told = {key: (split_of(key), kind) for key in keys if (kind := kind_of(key))}
    named = any(split == "train" for split, _ in told.values())
    roles: dict[Role, str] = {}
    for key, (split, kind) in told.items():
        if split is None and named:
            continue
        if roles.setdefault(Role(split or "train", kind), key) != key:
            other = roles[Role(split or "train", kind)]
            raise DataError(f"{name} has {other} and {key}: keep one of them, or use the names x_train, y_train, …")
    return roles


def _kinds() -> tuple[Kind, Kind]:
    return "images", "labels"
