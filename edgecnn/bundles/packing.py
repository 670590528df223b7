"""Writes a bundle: the same files always become the same bytes."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from edgecnn.bundles.manifest import MANIFEST, Manifest
from edgecnn.bundles.seal import SEAL_BYTES, seal
from edgecnn.files import READ_AT_ONCE, atomic

DATE = (1980, 1, 1, 0, 0, 0)  # the first that the format can tell
PLAIN_FILE = 0o100644 << 16  # where Unix keeps a file's kind and mode
UNIX = 3


def pack(path: Path, manifest: Manifest, files: Mapping[str, Path]) -> str:
    """Write a bundle of these files, completely or not at all. Returns its seal. Raises OutputError."""
    with atomic(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(_info(MANIFEST), manifest.to_json())
            for name in sorted(files):
                archive.writestr(_info(name), files[name].read_bytes(), compresslevel=9)
            archive.comment = bytes(SEAL_BYTES)  # so that the end tells its length
        return _sealed(temporary)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, DATE)
    info.create_system, info.external_attr = UNIX, PLAIN_FILE
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _sealed(path: Path) -> str:
    with path.open("r+b") as file:
        size = path.stat().st_size - SEAL_BYTES
        digest, left = hashlib.sha256(), size
        while left:
            block = file.read(min(left, READ_AT_ONCE))
            digest.update(block)
            left -= len(block)
        file.write(seal(digest.hexdigest()))
    return digest.hexdigest()
