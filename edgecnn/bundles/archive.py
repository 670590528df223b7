"""Reads a bundle's archive within bounds: everything is checked before it is unpacked, and again while it is.

A bundle may come from anywhere. Names, kinds, numbers and sizes are told by the archive's end before any file in it is
read; then the seal shows that no byte has changed; then each file has to have the size and hash of the manifest.
"""

import hashlib
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgecnn.bundles.manifest import MANIFEST, MOST_BYTES, Manifest, NewerFormatError
from edgecnn.bundles.seal import SEAL_BYTES, seal
from edgecnn.errors import ModelError
from edgecnn.files import READ_AT_ONCE, open_regular

# The archive's end: four bytes, numbers of disks and members, the directory's size and place, the comment's length.
END, END_MAGIC = struct.Struct("<4s4H2IH"), b"PK\5\6"
LONGEST_COMMENT = 2**16
MOST_ENTRIES = 64
MOST_DIRECTORY = 2**16  # bytes, which 64 entries do not reach
MOST_UNPACKED = 2**31  # bytes of all files: 1,000 images of 1,000 pixels square in color are more than an archive has
# Of a file in no folder. Which of these names a bundle may have, its manifest tells, by its format.
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1  # a bit of an entry's flags
AGAIN = "copy it again, or make it again with 'edgecnn bundle'"
# What zipfile and zlib raise for a damaged file; OSError for a place before its beginning.
DAMAGED = (
    *(EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error, ValueError),
    *(OSError, OverflowError),
)


@dataclass(frozen=True)
class Bundle:
    """An open bundle whose directory, manifest and seal are as they should be."""

    path: Path
    manifest: Manifest
    archive: zipfile.ZipFile

    @property
    def unpacked_bytes(self) -> int:
        """What the files take when they are unpacked."""
        return sum(entry.bytes for entry in self.manifest.files.values())

    def unpack(self, folder: Path) -> None:
        """Write all files into an empty folder. Raises ModelError for a damaged one, and OSError."""
        for name in self.manifest.files:
            self._unpack(name, folder / name)

    def _unpack(self, name: str, target: Path) -> None:
        told, digest, left = self.manifest.files[name], hashlib.sha256(), self.manifest.files[name].bytes
        with target.open("xb") as file:
            for block in self._blocks(name):
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                file.write(block)
        if left or digest.hexdigest() != told.sha256:
            raise ModelError(f"{self.path} is damaged: {name} is not what the manifest says; {AGAIN}")

    def _blocks(self, name: str) -> Iterator[bytes]:
        """The contents of a file, a piece at a time. Raises ModelError if it is damaged."""
        with _telling_of_damage(self.path), self.archive.open(name) as source:
            while block := source.read(READ_AT_ONCE):
                yield block


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle and check all but the contents of its files. Raises ModelError if it is not as it should be."""
    try:
        file = open_regular(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        with _telling_of_damage(path):
            _require_few(path, file)
            archive = zipfile.ZipFile(file)
        with archive:
            with _telling_of_damage(path):
                _require_plain(path, archive.infolist())
                manifest = _manifest(path, archive)
                _require_sealed(path, file)
                _require_listed(path, archive.infolist(), manifest)
            yield Bundle(path, manifest, archive)


@contextmanager
def _telling_of_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise ModelError(
            f"{path} is truncated, damaged or not a bundle ({' '.join(str(error).split())[:100]}): {AGAIN}"
        ) from None


def _require_few(path: Path, file: BinaryIO) -> None:
    """Refuse an archive by its end alone, whose directory would take long to read. Raises ModelError, BadZipFile."""
    size = os.fstat(file.fileno()).st_size
    start = max(0, size - END.size - LONGEST_COMMENT)
    file.seek(start)
    tail = file.read(size - start)
    at = tail.rfind(END_MAGIC)
    if at < 0 or len(tail) - at < END.size:
        raise zipfile.BadZipFile("its end is missing")
    _, _, _, _, entries, directory, _, comment = END.unpack_from(tail, at)
    if entries > MOST_ENTRIES or directory > MOST_DIRECTORY:
        count = f"{entries:,} entries{' or more' if entries == 0xFFFF else ''}"
        raise ModelError(f"{path} is refused: it has {count}, and a bundle has {MOST_ENTRIES} at most; {AGAIN}")
    if at + END.size + comment != len(tail):
        raise zipfile.BadZipFile("its end is not where it should be")


def _require_plain(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that are more than plain files of a bundle. Raises ModelError."""
    for member in members:
        if reason := _fault(member):
            raise ModelError(f"{path} is refused: {reason}; {AGAIN}")
    names = [member.filename for member in members]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ModelError(f"{path} is refused: it has two entries of the name {min(twice)}; {AGAIN}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED:
        raise ModelError(
            f"{path} is refused: it would become {unpacked:,} bytes, and a bundle becomes {MOST_UNPACKED:,} at most; "
            + AGAIN
        )


def _fault(member: zipfile.ZipInfo) -> str | None:
    """Why an entry is refused, or None."""
    name, mode = member.orig_filename, member.external_attr >> 16
    shown = ascii(name[:100])
    if stat.S_ISLNK(mode):
        return f"{shown} is a link"
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        return f"{shown} is an absolute path"
    if ".." in name.replace("\\", "/").split("/"):
        return f"{shown} leads out of the folder"
    if not PLAIN_NAME.fullmatch(name) or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
        return f"{shown} is not a file of a bundle"
    if member.flag_bits & ENCRYPTED or member.compress_type not in METHODS:
        return f"{shown} is encrypted or packed in a rare way"
    return None


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    if MANIFEST not in archive.namelist():
        raise ModelError(f"{path} is not a bundle: it has no {MANIFEST}; make one with 'edgecnn bundle'")
    if archive.getinfo(MANIFEST).file_size > MOST_BYTES:
        raise ModelError(f"{path} is refused: its {MANIFEST} has more than {MOST_BYTES:,} bytes; {AGAIN}")
    try:
        return Manifest.from_json(archive.read(MANIFEST))
    except NewerFormatError as error:
        raise ModelError(f"{path} was made by a newer edgecnn: {error}; install a newer edgecnn") from None


def _require_sealed(path: Path, file: BinaryIO) -> None:
    """Raise ModelError if a byte has changed since the bundle was made."""
    left = os.fstat(file.fileno()).st_size - SEAL_BYTES
    digest = hashlib.sha256()
    file.seek(0)
    while left > 0 and (block := file.read(min(left, READ_AT_ONCE))):
        digest.update(block)
        left -= len(block)
    if file.read() != seal(digest.hexdigest()):
        raise ModelError(f"{path} is damaged or was changed since it was made: its hash is another; {AGAIN}")


def _require_listed(path: Path, members: list[zipfile.ZipInfo], manifest: Manifest) -> None:
    """Raise ModelError unless the archive has exactly the files of the manifest, by name and size."""
    found = {member.filename: member.file_size for member in members if member.filename != MANIFEST}
    told = {name: entry.bytes for name, entry in manifest.files.items()}
    if found != told:
        names = sorted(name for name in found.keys() | told.keys() if found.get(name) != told.get(name))
        raise ModelError(f"{path} is damaged: {names[0]} is not as the manifest lists it; {AGAIN}")
