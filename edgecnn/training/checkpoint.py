"""Saves and restores an unfinished training in one `.npz` file of arrays and JSON, without pickles."""

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgecnn.card import Epoch
from edgecnn.errors import TrainingError
from edgecnn.files import atomic, open_regular
from edgecnn.folder import ModelFolder
from edgecnn.recipes import Recipe

MOST_STATE = 10_000_000  # bytes of JSON
CONSEQUENCES = ("recipe_sha256", "teacher_sha256")  # of the options, which say more
HEADER = 4096  # bytes, more than a member's header and its entries in the archive take


@dataclass(frozen=True)
class Run:
    """The options of a training. `--resume` continues only a training with the same options.

    `recipe_sha256` is a hash of everything in the recipe, as `digest` makes it. `teacher_sha256` is that of the
    teacher's file, if there is one.
    """

    recipe: str
    dataset: str
    data_sha256: str
    epochs: int
    seed: int
    limit: int | None
    augment: bool = True
    recipe_sha256: str = ""
    teacher_sha256: str = ""


@dataclass(frozen=True)
class _State:
    run: Run
    epochs: tuple[Epoch, ...]

    def __post_init__(self) -> None:
        numbers = [epoch.number for epoch in self.epochs]
        if numbers != list(range(1, len(numbers) + 1)) or not 1 <= len(numbers) <= self.run.epochs:
            raise ValueError(f"its epochs are numbered {numbers[:5]}")


def digest(recipe: Recipe) -> str:
    """The SHA-256 of everything in a recipe: its layers, its settings and its words."""
    return hashlib.sha256(repr(recipe).encode()).hexdigest()


def save(folder: ModelFolder, run: Run, done: Sequence[Epoch], variables: Sequence[Any]) -> None:
    """Write the checkpoint of the epochs done, and replace the one before. Raises OutputError."""
    state = json.dumps({"run": asdict(run), "epochs": [asdict(epoch) for epoch in done]}).encode()
    arrays = {_name(number): np.asarray(variable) for number, variable in enumerate(variables)}
    with atomic(folder.checkpoint, follow=False) as path:
        np.savez(path, state=np.frombuffer(state, np.uint8), allow_pickle=False, **arrays)


def load(folder: ModelFolder, run: Run, variables: Sequence[Any]) -> tuple[Epoch, ...]:
    """Assign the checkpoint's arrays to `variables`, and return the epochs done.

    Nothing is assigned unless all arrays have the shapes and types of the variables, and finite numbers. Raises
    TrainingError if there is no checkpoint, if it is damaged, or if it belongs to a run with other options.
    """
    path = folder.checkpoint
    if not path.exists():
        raise TrainingError(f"{folder.path} holds no unfinished training: train without --resume")
    expected = [np.asarray(variable) for variable in variables]
    try:
        with open_regular(path) as file, _archive(file, expected) as archive:
            state = _read_state(archive)
            if state.run != run:
                raise TrainingError(f"{path} belongs to another training: {_differences(state.run, run)}")
            arrays = [_read_array(archive, _name(number), like) for number, like in enumerate(expected)]
    except TrainingError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise TrainingError(f"{path} is damaged ({error}): train without --resume") from None
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return state.epochs


def _name(number: int) -> str:
    return f"variable_{number}"


def _archive(file: BinaryIO, expected: Sequence[NDArray[Any]]) -> zipfile.ZipFile:
    """The archive, if it is not larger than its arrays make it and holds nothing else. Raises ValueError."""
    most = MOST_STATE + sum(array.nbytes + 2 * HEADER for array in expected)
    _require(os.fstat(file.fileno()).st_size <= most, f"it has more than {most:,} bytes")
    archive = zipfile.ZipFile(file)
    _require(
        all(info.compress_type == zipfile.ZIP_STORED and info.file_size <= most for info in archive.infolist()),
        "its arrays are compressed",
    )
    return archive


def _read_state(archive: zipfile.ZipFile) -> _State:
    import msgspec  # which only --resume needs

    with archive.open("state.npy") as member:
        _read_header(member)
        return msgspec.json.decode(member.read(MOST_STATE), type=_State)


def _read_array(archive: zipfile.ZipFile, name: str, like: NDArray[Any]) -> NDArray[Any]:
    """An array of the shape and the type of `like`. Raises ValueError for any other."""
    with archive.open(f"{name}.npy") as member:
        _require(_read_header(member) == (like.shape, False, like.dtype), f"{name} has another shape or type")
        array = np.frombuffer(member.read(like.nbytes), like.dtype).reshape(like.shape)
    _require(not np.issubdtype(like.dtype, np.floating) or bool(np.isfinite(array).all()), f"{name} is not finite")
    return array


def _read_header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape of an array in an archive, whether it is in Fortran's order, and its type."""
    np.lib.format.read_magic(member)
    return np.lib.format.read_array_header_1_0(member, max_header_size=HEADER)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _differences(saved: Run, asked: Run) -> str:
    """What differs, and what to do about it."""
    before, now = asdict(saved), asdict(asked)
    differing = [name for name in before if before[name] != now[name]]
    told = [f"{name} was {before[name]}, now {now[name]}" for name in differing if name not in CONSEQUENCES]
    if not told:
        return f"the recipe {saved.recipe!r} or its teacher has changed since; train without --resume"
    return f"{', '.join(told)}; give the same options, or train without --resume"
