"""Inspects a `.keras` or `.h5` file as data, before Keras opens it."""

import os
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from edgecnn.errors import ExportError, ModelError
from edgecnn.exporting import forms, hdf5, keras_config
from edgecnn.files import open_regular

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # that Keras and ordinary zip programs use
MEMBERS = (CONFIG, WEIGHTS, "metadata.json")
MOST_DIRECTORY = 2**16  # bytes of a zip file's list of members
ALWAYS_ALLOWED, MOST_RATIO = 2**24, 20  # bytes of unpacked members: so many, and so many for each byte of the file
END_OF_ZIP = b"PK\5\6"  # its record: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.16
LONGEST_END = 22 + 2**16


def inspect(path: Path) -> None:
    """Raise ModelError or ExportError if a Keras file holds more than a network. Runs nothing of it."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if file.read(2) == forms.ZIP:
                _inspect_zip(path, file, size)
            else:
                _inspect_h5(path, file, size)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, struct.error) as error:
        reason = (getattr(error, "strerror", "") or str(error) or type(error).__name__).partition("\n")[0]
        raise ModelError(f"{path} is damaged or not a Keras model ({reason}): save it again") from None


def _inspect_h5(path: Path, file: BinaryIO, size: int) -> None:
    hdf5.check(path, file, size)
    config = hdf5.text_of(path, "model_config")
    if config is None:
        raise _weights_only(path)
    keras_config.check(path, config)


def _inspect_zip(path: Path, whole: BinaryIO, size: int) -> None:
    _require_few_members(path, whole, size)
    with zipfile.ZipFile(whole) as archive:
        members = {member.filename: member for member in archive.infolist()}
        _check_members(path, archive.infolist(), size)
        if CONFIG not in members:
            raise _weights_only(path)
        keras_config.check(path, _read(archive, members[CONFIG]))
        if WEIGHTS not in members:
            raise ModelError(f"{path} holds no {WEIGHTS}: save the whole model again, with model.save('name.keras')")
        weights = members[WEIGHTS]
        with archive.open(weights) as stream:
            packed = weights.compress_type != zipfile.ZIP_STORED
            file = BytesIO(_read(archive, weights)) if packed else cast(BinaryIO, stream)
            hdf5.check(path, file, weights.file_size)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content: no more than it says. Without that number, zipfile unpacks all that there is at once."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def _require_few_members(path: Path, file: BinaryIO, size: int) -> None:
    """Refuse a zip file with a long list of members, before anything reads the list."""
    file.seek(max(0, size - LONGEST_END))
    end = file.read()
    at = end.rfind(END_OF_ZIP)
    if struct.unpack_from("<I", end, at + 12)[0] > MOST_DIRECTORY:
        raise ModelError(f"{path} has too many members for a Keras model: save it with model.save('name.keras')")


def _check_members(path: Path, members: list[zipfile.ZipInfo], size: int) -> None:
    names = [member.filename for member in members]
    for name in names:
        if name not in MEMBERS:
            raise ModelError(
                f"{path} holds {name[:100]!r}, a file beside the network, so it is not loaded: "
                "rebuild the model without layers that need files, such as StringLookup"
            )
    if len(set(names)) < len(names) or any(member.flag_bits & 1 for member in members):
        raise ModelError(f"{path} holds members twice or encrypted: save it with model.save('name.keras')")
    if any(member.compress_type not in METHODS for member in members):
        raise ModelError(f"{path} is compressed in a rare way: save it with model.save('name.keras')")
    sizes = {member.filename: member.file_size for member in members}
    if sum(sizes.values()) > ALWAYS_ALLOWED + MOST_RATIO * size or sizes.get(CONFIG, 0) > keras_config.MOST_BYTES:
        raise ModelError(
            f"{path} has {size:,} bytes and would unpack to {sum(sizes.values()):,}: "
            "save it with model.save('name.keras')"
        )


def _weights_only(path: Path) -> ExportError:
    return ExportError(
        f"{path} holds weights only, and no network: build the model in Keras, call model.load_weights, and save it "
        "whole with model.save('name.keras')"
    )
