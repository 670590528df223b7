"""How files are written, hashed and kept: atomic writes, digests, the cache folder. It knows nothing of models."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgecnn.errors import OutputError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it, whole and synced, if the body succeeds.

    The suffix is kept because Keras and matplotlib choose their format by it. Raises OutputError for what the operating
    system refuses; whatever happens, an earlier file stays as it was.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    with _telling_what_cannot_be_written(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # tidying up after a failure that is already on its way to the user
                temporary.unlink(missing_ok=True)


def prepare_folder(path: Path) -> None:
    """Make a folder and try a write, so that long work does not find out at its end. Raises OutputError."""
    probe = path / ".edgecnn-probe"  # no name that a file of the user's has
    with _telling_what_cannot_be_written(path):
        path.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"\0" * 4096)
        finally:
            with suppress(OSError):
                probe.unlink()


def require_writable(path: Path) -> None:
    """Find out now whether a file can be written there later. Raises OutputError."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; choose another place")
    prepare_folder(path.parent)


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it, whole or not at all. Raises OutputError."""
    if source.is_file():
        with atomic(target) as temporary:
            shutil.copyfile(source, temporary)
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    with _telling_what_cannot_be_written(target):
        try:
            shutil.copytree(source, beside)
            shutil.rmtree(target, ignore_errors=True)
            beside.replace(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _telling_what_cannot_be_written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0] or type(error).__name__
        raise OutputError(f"cannot write {path}: {reason}; free space or choose another place") from error


def optimized_model(sha256: str, fingerprint: str, onnxruntime: str) -> Path:
    """Where the graph of the model with that content is kept as that onnxruntime optimized it for that host.

    The user's cache, as the XDG Base Directory Specification places it: a relative XDG_CACHE_HOME is to be ignored.
    Raises OutputError for a user who has no home.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        cache = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise OutputError(f"there is no place for a cache ({error}): set XDG_CACHE_HOME") from None
    return cache / "edgecnn" / "optimized" / f"{sha256}.{fingerprint}.onnxruntime-{onnxruntime}.onnx"


def size(path: Path) -> int:
    """The bytes of a file, or of a folder's files."""
    return sum(part.stat().st_size for part in (path, *path.rglob("*")) if part.is_file())


def sha256(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's files in name order."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
