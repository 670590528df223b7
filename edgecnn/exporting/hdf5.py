"""Checks an HDF5 file of weights as data: it refers to no other file, and what it unpacks to has a bound."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from edgecnn.errors import ModelError

MOST_OBJECTS = 100_000  # groups and arrays; NASNetLarge has 6,000
MOST_ATTRIBUTE = 2**24  # bytes
MOST_BESIDE = 2**25  # bytes of the file beside its arrays: texts, whose lengths are not known before they are read
ALWAYS_ALLOWED, MOST_RATIO = 2**26, 20  # bytes of unpacked arrays: so many, and so many for each byte of the file
FILTERS = (1, 2, 3, 4, 5, 6, 32000)  # HDF5's own compression, and LZF of h5py; others are loaded from plug-ins
NUMERIC = "fiub"  # numpy's kinds of float, int, uint and bool


def check(path: Path, file: BinaryIO, size: int) -> None:
    """Raise ModelError if an HDF5 file, open at `file`, holds anything but arrays of numbers. `size` is in bytes."""
    import h5py

    try:
        with h5py.File(file, "r") as root:
            stored = _check_all(path, root, ALWAYS_ALLOWED + MOST_RATIO * size)
        if size - stored > MOST_BESIDE:
            raise ModelError(f"{path} holds {size - stored:,} bytes beside its weights: save the model again")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} has damaged weights ({str(error).partition(chr(10))[0]}): save it again") from error


def text_of(path: Path, attribute: str) -> str | None:
    """An attribute of an HDF5 file that was checked, as text; None if it has none. Raises ModelError."""
    import h5py

    try:
        with h5py.File(path, "r") as root:
            value = root.attrs.get(attribute)
            return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else None
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({str(error).partition(chr(10))[0]}): save it again") from error


def _check_all(path: Path, root: Any, most: int) -> int:
    """Check everything in the file. Returns how many of its bytes are those of arrays."""
    import h5py

    unpacked = stored = 0
    for number, item in enumerate(_objects(path, root)):
        if number > MOST_OBJECTS:
            raise ModelError(f"{path} holds more than {MOST_OBJECTS:,} arrays and groups: save the weights alone")
        _check_attributes(path, item)
        if isinstance(item, h5py.Dataset):
            unpacked, stored = unpacked + _unpacked(path, item), stored + item.id.get_storage_size()
            if unpacked > most:
                raise ModelError(f"{path} would unpack to more than {most:,} bytes: save it again without compression")
    return stored


def _objects(path: Path, root: Any) -> Iterator[Any]:
    """Every group and array, once. A file may hold circles."""
    import h5py

    waiting, seen = [root], set()
    while waiting:
        item = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        yield item
        for name in item if isinstance(item, h5py.Group) else ():
            if not isinstance(item.get(name, getlink=True), h5py.HardLink):
                raise ModelError(f"{path} holds a link to another place: save the model again in one file")
            waiting.append(item[name])


def _check_attributes(path: Path, item: Any) -> None:
    for name in item.attrs:
        attribute = item.attrs.get_id(name)
        if prod(attribute.shape or ()) * attribute.dtype.itemsize > MOST_ATTRIBUTE:
            raise ModelError(f"{path} has an attribute of more than {MOST_ATTRIBUTE:,} bytes: save the model again")


def _is_bfloat16(array: Any) -> bool:
    """Whether an array holds bfloat16 as Keras writes it: HDF5 has no such type, so as two bytes and a remark."""
    return bool(array.dtype.kind == "V" and array.dtype.itemsize == 2 and array.attrs.get("dtype") == "bfloat16")


def _unpacked(path: Path, array: Any) -> int:
    """How many bytes reading an array takes."""
    if array.external or array.is_virtual:
        raise ModelError(f"{path} takes weights from other files: save the model again in one file")
    properties = array.id.get_create_plist()
    filters = [properties.get_filter(at)[0] for at in range(properties.get_nfilters())]
    if not (array.dtype.kind in NUMERIC or _is_bfloat16(array)) or not set(filters) <= set(FILTERS):
        raise ModelError(f"{path} holds {array.name[:100]!r}, which is not an array of plain numbers: save it again")
    return max(prod(array.shape or ()), prod(array.chunks or ())) * int(array.dtype.itemsize)
