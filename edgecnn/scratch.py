"""Folders for unfinished work. They go when the work ends, and the next command sweeps those of a killed process.

A folder's process holds a lock on it for as long as it lives, also if it is killed. Process ids would not do, because
two containers that share a folder have the same ones.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from errno import EDQUOT, EFBIG, ENOSPC, EROFS
from pathlib import Path

from edgecnn.errors import OutputError

PREFIX = ".edgecnn-"
FULL = (ENOSPC, EDQUOT, EFBIG, EROFS)
PROBE = 2**18  # bytes: with less space than this, a library's error is the disk's fault
_in_use: set[Path] = set()


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder in `parent`, or in the system's temporary folder, and delete it afterwards.

    Folders there that a killed process left are deleted first. Raises OSError if none can be made in `parent`. Raises
    OutputError if the temporary folder cannot be used, or if it is full when the body raises, because libraries say all
    kinds of things then.
    """
    place = parent or _temporary_folder()
    with nullcontext() if parent else telling_what_is_full(place):
        sweep(place)
        folder, lock = _new(place)
    try:
        with nullcontext() if parent else telling_what_is_full(place, folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # clean-up must not hide the error that caused it
        _in_use.discard(folder)
        os.close(lock)


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        raise OutputError("no folder for temporary files can be written: set TMPDIR to one that can") from None


@contextmanager
def telling_what_is_full(place: Path, folder: Path | None = None) -> Iterator[None]:
    """Raise OutputError if the body raises because the temporary folder `place` is full or cannot be written.

    `folder` is the scratch folder there that the body writes to; without it, the body makes one.
    """
    try:
        yield
    except OutputError:
        raise
    except Exception as error:
        reason = _refusal(error, folder)
        if reason is None:
            raise
        raise OutputError(
            f"cannot write to the temporary folder {place}: {reason}; free some space, or set TMPDIR to another folder"
        ) from error


def _refusal(error: Exception, folder: Path | None) -> str | None:
    """Why the operating system refuses to write in a scratch folder, or to make one; None if it does not."""
    if isinstance(error, OSError) and (folder is None or (error.errno in FULL and _concerns(error, folder))):
        return error.strerror or str(error)
    try:
        if folder:
            (folder / "probe").write_bytes(bytes(PROBE))
    except OSError as refused:
        return refused.strerror
    return None


def _concerns(error: OSError, folder: Path) -> bool:
    return error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(folder)


def sweep(parent: Path | None = None) -> None:
    """Delete the scratch folders in `parent`, or in the temporary folder, whose process is gone."""
    with suppress(OSError), os.scandir(parent or tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):  # it is another user's, or has gone meanwhile
                    _delete_if_unused(Path(entry.path))


def delete_all() -> None:
    """Delete this process's scratch folders: it is about to end without unwinding."""
    for folder in tuple(_in_use):
        discard(folder)


def discard(folder: Path) -> None:
    """Delete a folder that this process has locked, if it is there.

    It is renamed first, so that no other thread or process puts a half deleted one into use.
    """
    with suppress(OSError):
        shutil.rmtree(folder.rename(_name_in(folder.parent)), ignore_errors=True)


def _new(parent: Path) -> tuple[Path, int]:
    """A new locked folder, and the descriptor that holds the lock."""
    while True:
        folder = _name_in(parent)
        _in_use.add(folder)  # now, because a signal may come before the caller has it
        folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):  # another process has swept it before it was locked: try again
            lock = _open(folder)
            if _lock(lock) is not False and os.fstat(lock).st_nlink:
                return folder, lock
            os.close(lock)


def _name_in(parent: Path) -> Path:
    return parent / f"{PREFIX}{secrets.token_hex(8)}"


@contextmanager
def wait_for(folder: Path) -> Iterator[bool]:
    """Wait until the process of a scratch folder has released it or is gone, and hold the lock of the folder.

    Yields whether it is still the folder at that path. Raises OSError if it is gone already, a link, or not readable.
    """
    lock = _open(folder)
    try:
        with suppress(OSError):  # a file system without locks: go on as without a process
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder.exists() and os.path.samestat(folder.stat(), os.fstat(lock))
    finally:
        os.close(lock)


def _delete_if_unused(folder: Path) -> None:
    lock = _open(folder)
    try:
        if os.fstat(lock).st_uid == os.geteuid() and _lock(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _open(folder: Path) -> int:
    """A descriptor of a folder. Raises OSError if it is gone or a link."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _lock(descriptor: int) -> bool | None:
    """Whether the folder is locked now. False if another process holds the lock, None if the file system has no locks.

    Without locks, nothing is swept.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
