"""Changes several files of a folder in one step, so that a folder is never half old and half new.

New files are written into a scratch folder beside the old ones. Renaming that folder to COMMITTED is the one step: a
kill before it leaves everything old; after it, the next command that opens the folder moves the files to their places.
This journal works on every file system and on mounted folders, and leaves other files in place. Exchanging two whole
folders does not: network and overlay file systems refuse it, and so does a folder that a container mounts.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST, EISDIR, ENOTEMPTY
from pathlib import Path
from typing import NamedTuple

from edgecnn import files
from edgecnn.errors import OutputError
from edgecnn.processes import stopping
from edgecnn.scratch import discard, scratch, wait_for

COMMITTED = ".edgecnn.committed"
REMOVED = ".edgecnn.removed"  # a folder in each committed one: an empty file for each file to delete
MOST_TRIES = 100  # to commit, while other processes commit to the same folder


class Transaction(NamedTuple):
    """What will change in `folder`. `path` is where to write the new files, under the names they will have."""

    folder: Path
    path: Path

    def remove(self, path: Path) -> None:
        """Delete a file of the folder in the same step. Raises OSError."""
        (self.path / REMOVED / path.name).touch()


@contextmanager
def transaction(folder: Path) -> Iterator[Transaction]:
    """Change a folder in one step if the body succeeds, and not at all if it raises. Makes the folder if it is missing.

    Raises OutputError if the operating system refuses.
    """
    with files.telling_what_cannot_be_written(folder), _made(folder), scratch(folder) as staged:
        (staged / REMOVED).mkdir()
        yield (change := Transaction(folder, staged))
        _commit(change)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder, and delete it and those above it that were made too if the body raises and leaves them empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for path in missing:
                path.rmdir()
        raise


def roll_forward(folder: Path) -> None:
    """Finish a change that was committed when its process was killed. Raises OutputError.

    Does nothing for a folder without one, and waits if its process still lives. The folder may come from anywhere, so
    a link in it is replaced and not followed.
    """
    committed = folder / COMMITTED
    if not committed.is_dir() or committed.is_symlink():
        return
    try:
        with wait_for(committed) as there:
            if there:
                _move(committed, folder)
    except FileNotFoundError:  # its own process has finished it
        return
    except OSError as error:
        raise OutputError(
            f"{folder} holds a change that was interrupted and cannot be finished here "
            f"({error.strerror}): run 'edgecnn info {folder}' where the folder can be written"
        ) from error


def _commit(change: Transaction) -> None:
    for path in (*change.path.rglob("*"), change.path):
        files.sync(path)
    names = _new_names(change)
    committed, ours = change.folder / COMMITTED, change.path.stat()
    for _ in range(MOST_TRIES):
        roll_forward(change.folder)
        with _unless_taken():
            change.path.rename(committed)
            stopping.wrote(*(change.folder / name for name in names))
            break
    else:
        raise OutputError(f"cannot write {change.folder}: other commands are writing there; run this one again")
    try:
        files.sync(change.folder)
        _move(committed, change.folder)
    except KeyboardInterrupt:  # the change has happened: finish it, so that what is told of the folder is true
        with suppress(FileNotFoundError):
            if os.path.samestat(committed.stat(), ours):  # it is not finished, and not another process's
                _move(committed, change.folder)
        raise


def _new_names(change: Transaction) -> list[str]:
    """The names of the new files. Raises IsADirectoryError if one would have to replace a folder."""
    new = sorted(path for path in change.path.iterdir() if path.name != REMOVED)
    for path in new:
        if path.is_file() and (change.folder / path.name).is_dir():
            raise IsADirectoryError(EISDIR, f"{path.name} is a folder")
    return [path.name for path in new]


@contextmanager
def _unless_taken() -> Iterator[None]:
    """Go on if another process has committed meanwhile."""
    try:
        yield
    except OSError as error:
        if error.errno not in (EEXIST, ENOTEMPTY):
            raise


def _move(committed: Path, folder: Path) -> None:
    """Delete and replace the folder's files. A kill may come between any two steps, so each may be repeated.

    Only one process does it, because the lock of the scratch folder that `committed` was goes on with it. The folder
    REMOVED stays in it to the end: another process could rename its own change onto an empty one, and lose it here.
    """
    (committed / REMOVED).mkdir(exist_ok=True)  # a change from elsewhere may lack it
    for marker in (committed / REMOVED).iterdir():
        _delete(folder / marker.name)
    for new in committed.iterdir():
        if new.name != REMOVED and not new.is_symlink():  # no change of ours holds a link
            _replace(folder / new.name, new)
    discard(committed)


def _replace(old: Path, new: Path) -> None:
    """Put a file or a folder in the place of an old one. A file's mode and owner stay.

    A link is replaced, and not followed: a folder from elsewhere may hold one to any file of the user's.
    """
    if new.is_dir():
        _delete(old)
    elif not old.is_symlink():
        files.keep_mode_and_owner(old, new)
    new.replace(old)


def _delete(path: Path) -> None:
    """Delete a file, a link, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
