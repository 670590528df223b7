"""Reads folders of pictures: one folder per class, within `train`, `test` and `validation` or by themselves."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from edgecnn.data.dataset import MOST_CLASSES
from edgecnn.data.parts import Pair, Parts
from edgecnn.data.pictures import Source, in_one_form, read_pictures
from edgecnn.data.roles import SPLITS, SplitName, label_order
from edgecnn.errors import DataError
from edgecnn.imaging.names import is_left_behind, is_picture

SPLIT_NAMES: tuple[SplitName, ...] = ("train", "test", "validation")
Labeled = list[tuple[Path, int]]


def has_splits(path: Path) -> bool:
    """Whether a folder holds `train/`, under any spelling."""
    return any(SPLITS.get(folder.name.lower()) == "train" for folder in _folders(path))


def has_classes(path: Path) -> bool:
    """Whether two or more folders of a folder hold pictures, so that each is a class."""
    return sum(any(map(is_picture, folder.iterdir())) for folder in _folders(path)) > 1


def read_splits(path: Path) -> Parts:
    """Pictures in `train/<label>/`, and `test/` and `val/` if there are any. Raises DataError, ImageError."""
    splits: dict[SplitName, Path] = {}
    for folder in _folders(path):
        split = SPLITS.get(folder.name.lower())
        if split and splits.setdefault(split, folder) != folder:
            raise DataError(f"{path} has {splits[split].name} and {folder.name}: keep one of them")
    return _read(splits)


def read_classes(path: Path) -> Parts:
    """Pictures in `<label>/`, all of one split. Raises DataError, ImageError."""
    return _read({"train": path})


def _read(splits: Mapping[SplitName, Path]) -> Parts:
    files = {split: _by_class(splits[split]) for split in SPLIT_NAMES if split in splits}
    for split, found in files.items():
        if not found:
            raise DataError(f"{splits[split]} has no images: put them into {splits[split]}/<label>/*.png")
    names = sorted(files["train"], key=label_order)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise DataError(
            f"{splits['train']} has images in {len(names)} folders; it needs one folder per class, "
            f"for 2 to {MOST_CLASSES:,} classes"
        )
    for split, found in files.items():
        stray = found.keys() - set(names)
        if stray:
            raise DataError(f"{splits[split]} has a class that train lacks: {min(stray)}; add it to train or remove it")
    labeled = {
        split: [(file, label) for label, name in enumerate(names) for file in found.get(name, ())]
        for split, found in files.items()
    }
    pairs = dict(zip(labeled, _read_pictures(list(labeled.values())), strict=True))
    return Parts(pairs["train"], pairs.get("test"), pairs.get("validation"), tuple(names), decoded=True)


def _folders(path: Path) -> list[Path]:
    items = path.iterdir() if path.is_dir() else ()
    return sorted(item for item in items if item.is_dir() and not is_left_behind(item.name))


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class that has any, also those in folders below. Raises DataError for unread files."""
    classes: dict[str, list[Path]] = {}
    for path in _folders(folder):
        files = _files(path)
        pictures = [file for file in files if is_picture(file)]
        if files and not pictures:
            raise DataError(f"{files[0]} is not a picture that can be read: save it as PNG or JPEG")
        if pictures:
            classes[path.name] = pictures
    return classes


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if not path.is_dir() and not any(map(is_left_behind, path.relative_to(folder).parts))
    )


def _read_pictures(splits: Sequence[Labeled]) -> list[Pair]:
    """If one picture has color, all become color."""
    files = [file for labeled in splits for file, _ in labeled]
    images = read_pictures(Source(file, str(file), file.stat().st_size) for file in files)
    color = any(image.ndim == 3 for image in images)
    read = iter(images)
    return [
        Pair(
            in_one_form(list(islice(read, len(labeled))), color=color),
            np.array([label for _, label in labeled], np.int64),
        )
        for labeled in splits
    ]
