"""Changes several files of a folder in one step, so that a folder is never half old and half new.

New files are written into a scratch folder beside the old ones. Renaming that folder to COMMITTED is the one step: a
kill before it leaves everything old; after it, the next command that opens the folder moves the files to their places.
This journal works on every file system and on mounted folders, and leaves other files in place. Exchanging two whole
folders does not: network and overlay file systems refuse it, and so does a folder that a container mounts.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgecnn import files
from edgecnn.errors import OutputError
from edgecnn.processes import stopping
from edgecnn.scratch import PREFIX, scratch

COMMITTED = ".edgecnn.committed"
REMOVED = f"{PREFIX}removed"  # a folder in a committed one: an empty file for each file to delete
MOST_TRIES = 10  # to commit, while other processes commit to the same folder


@dataclass(frozen=True)
class Transaction:
    """What will change in `folder`. `path` is where to write the new files, under the names they will have."""

    folder: Path
    path: Path

    def remove(self, path: Path) -> None:
        """Delete a file of the folder in the same step. Raises OSError."""
        (self.path / REMOVED).mkdir(exist_ok=True)
        (self.path / REMOVED / path.name).touch()


@contextmanager
def transaction(folder: Path) -> Iterator[Transaction]:
    """Change a folder in one step if the body succeeds, and not at all if it raises. Makes the folder if it is missing.

    Raises OutputError if the operating system refuses.
    """
    with files.telling_what_cannot_be_written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder) as staged:
            change = Transaction(folder, staged)
            yield change
            _commit(change)


def roll_forward(folder: Path) -> None:
    """Finish a change that was committed when its process was killed. Raises OutputError.

    Does nothing for a folder without one. Several processes may do it at the same time.
    """
    committed = folder / COMMITTED
    if not committed.is_dir():
        return
    with files.telling_what_cannot_be_written(folder):
        _move(committed, folder)


def _commit(change: Transaction) -> None:
    for path in (*change.path.rglob("*"), change.path):
        files.sync(path)
    names = sorted(path.name for path in change.path.iterdir() if path.name != REMOVED)
    for _ in range(MOST_TRIES):
        roll_forward(change.folder)
        with suppress(OSError):  # another process has committed meanwhile
            change.path.rename(change.folder / COMMITTED)
            stopping.wrote(*(change.folder / name for name in names))
            break
    else:
        raise OutputError(f"cannot write {change.folder}: other commands are writing there; run this one again")
    try:
        files.sync(change.folder)
        roll_forward(change.folder)
    except KeyboardInterrupt:  # the change has happened: finish it, so that what is told of the folder is true
        roll_forward(change.folder)
        raise


def _move(committed: Path, folder: Path) -> None:
    """Delete and replace the folder's files. A kill may come between any two steps, so each may be repeated."""
    with suppress(FileNotFoundError):  # another process was faster
        for marker in (committed / REMOVED).iterdir():
            (folder / marker.name).unlink(missing_ok=True)
    for new in committed.iterdir():
        if new.name != REMOVED:
            with suppress(FileNotFoundError):
                _replace(folder / new.name, new)
    shutil.rmtree(committed, ignore_errors=True)


def _replace(old: Path, new: Path) -> None:
    """Put a file or a folder in the place of an old one. A link is followed, and a file's mode and owner stay."""
    if new.is_dir():
        shutil.rmtree(old, ignore_errors=True)
        new.replace(old)
    elif old.is_symlink():
        files.copy(new, old)
    else:
        files.keep_mode_and_owner(old, new)
        new.replace(old)
