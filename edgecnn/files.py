"""Reads, writes and hashes files within bounds. It knows nothing about models."""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from edgecnn.errors import OutputError
from edgecnn.scratch import PREFIX, scratch

READ_AT_ONCE = 2**20  # bytes


@contextmanager
def atomic(path: Path, *, follow: bool = True) -> Iterator[Path]:
    """Yield a temporary path whose content replaces that of `path`, complete and synced to disk, if the body succeeds.

    The temporary path has the same name, because Keras and matplotlib choose their format by its suffix. An
    earlier file's mode and owner stay. A link is followed, and a device or a pipe is written to and not replaced.
    Without `follow`, a link is replaced: that is for a name that the user did not give, in a folder that may come from
    elsewhere. Raises OutputError if the operating system refuses the write. If anything fails, an earlier file stays
    unchanged.
    """
    if follow and _is_stream(path):
        written = _through_a_stream(path)
    else:
        written = _beside(Path(os.path.realpath(path)) if follow else path)
    with telling_what_cannot_be_written(path), written as temporary:
        yield temporary


def _is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe or one of this process's own open files."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or path.parts[:2] in (("/", "dev"), ("/", "proc"))


@contextmanager
def _through_a_stream(path: Path) -> Iterator[Path]:
    with scratch() as folder:
        temporary = folder / path.name
        yield temporary
        with temporary.open("rb") as source, path.open("wb") as stream:
            shutil.copyfileobj(source, stream)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch(path.parent) as folder:
        temporary = folder / path.name
        yield temporary
        sync(temporary)
        if not path.is_symlink():
            keep_mode_and_owner(path, temporary)
        temporary.replace(path)


def sync(path: Path) -> None:
    """Wait until a file or a folder's list of names is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_mode_and_owner(earlier: Path, later: Path) -> None:
    """Give a new file the mode and the owner of the earlier one, if there is one."""
    if not earlier.is_file():
        return
    was, now = earlier.stat(), later.stat()
    if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
        with suppress(PermissionError):  # only root may give a file away
            os.chown(later, was.st_uid, was.st_gid)
    later.chmod(stat.S_IMODE(was.st_mode))


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises OSError, also for a pipe or a device, which could answer without end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for its writer
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises OSError, also for a larger one."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than {most:,}", str(path))
        return file.read(size)  # a larger number would take as much memory at once


def read_json(path: Path, most: int) -> Any:
    """The value in a JSON file of at most `most` bytes. Raises OSError, and ValueError if it is not JSON."""
    content = read_bytes(path, most)
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def require_few_values(content: bytes, most: int) -> None:
    """Raise ValueError if the values of a JSON text would take more than `most` bytes of memory as Python's objects.

    What they take is told by the marks around them: an object takes 240 bytes, a list 64, and any other value 60.
    """
    if 240 * content.count(b"{") + 64 * content.count(b"[") + 60 * content.count(b",") > most:
        raise ValueError("it holds too many values")


def prepare_folder(path: Path) -> None:
    """Make a folder and write to it once, so that long work does not fail at its end. Raises OutputError."""
    with telling_what_cannot_be_written(path):
        path.mkdir(parents=True, exist_ok=True)
        with scratch(path) as folder:
            (folder / "probe").write_bytes(b"\0" * 4096)


def require_writable(path: Path) -> None:
    """Check now that a file can be written there later. Raises OutputError if not."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; choose another path")
    if not _is_stream(path):
        prepare_folder(path.parent)


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all its contents, completely or not at all. Raises OutputError."""
    if source.is_file():
        with atomic(target) as temporary:
            shutil.copyfile(source, temporary)
        return
    with telling_what_cannot_be_written(target), scratch(target.parent) as folder:
        shutil.copytree(source, folder / "new")
        if target.exists():
            target.replace(folder / "old")
        (folder / "new").replace(target)


@contextmanager
def telling_what_cannot_be_written(path: Path) -> Iterator[None]:
    """Raise OutputError in the place of an OSError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0] or type(error).__name__
        meant = Path(*(part for part in path.parts if not part.startswith(PREFIX)))  # where it would have gone
        raise OutputError(f"cannot write {meant}: {reason}; free some space or choose another path") from error


def cache_folder() -> Path:
    """Where this user keeps what edgecnn measured on this machine: XDG_CACHE_HOME or ~/.cache, and `edgecnn` in it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 (as in __main__)
    return Path(home) / "edgecnn"


def size(path: Path) -> int:
    """The size in bytes of a file, or of all files in a folder."""
    return sum(part.stat().st_size for part in (path, *path.rglob("*")) if part.is_file())


def sha256(path: Path) -> str:
    """The SHA-256 of a file, or of all files in a folder in the order of their names."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for part in files:
        with open_regular(part) as file:
            while block := file.read(READ_AT_ONCE):
                digest.update(block)
    return digest.hexdigest()
