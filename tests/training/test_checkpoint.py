"""A checkpoint is restored whole, or refused before anything is assigned. No TensorFlow is needed here."""

import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.card import Epoch
from edgecnn.errors import TrainingError
from edgecnn.folder import ModelFolder
from edgecnn.layers import Conv
from edgecnn.recipes import find_recipe
from edgecnn.training.checkpoint import Run, digest, load, save

RUN = Run("edge", "mnist", "ab" * 32, epochs=3, seed=0, limit=None, recipe_sha256="cd" * 32)
EPOCH = Epoch(1, 0.01, 2.0, 0.5, 1.5, 20, 30, 0.1)
STATE: dict[str, Any] = {"run": asdict(RUN), "epochs": [asdict(EPOCH)]}


class Variable:
    """What a checkpoint needs of a Keras variable."""

    def __init__(self, value: NDArray[Any]) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.value

    def assign(self, value: NDArray[Any]) -> None:
        self.value = value


def variables() -> list[Variable]:
    return [Variable(np.zeros((3, 2), np.float32)), Variable(np.zeros((), np.int64)), Variable(np.zeros(4, np.uint32))]


def trained() -> list[Variable]:
    return [
        Variable(np.arange(6, dtype=np.float32).reshape(3, 2)),
        Variable(np.array(7, np.int64)),
        Variable(np.arange(4, dtype=np.uint32)),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    save(ModelFolder(tmp_path), RUN, [EPOCH], trained())
    return ModelFolder(tmp_path)


def arrays_with(**changed: Any) -> dict[str, Any]:
    """The arrays of a checkpoint, some of them changed; those that are None are left out."""
    arrays: dict[str, Any] = {f"variable_{number}": item.value for number, item in enumerate(trained())}
    state = np.frombuffer(json.dumps(changed.pop("state", STATE)).encode(), np.uint8)
    return {name: value for name, value in {"state": state, **arrays, **changed}.items() if value is not None}


def refused(folder: ModelFolder, run: Run = RUN) -> str:
    """The message of a refusal that has assigned nothing."""
    asked = variables()
    with pytest.raises(TrainingError) as caught:
        load(folder, run, asked)
    assert not any(np.any(item.value) for item in asked)
    message = str(caught.value)
    assert "\n" not in message
    assert "train without --resume" in message
    return message


def test_a_checkpoint_comes_back_as_it_was(folder: ModelFolder) -> None:
    restored = variables()
    assert load(folder, RUN, restored) == (EPOCH,)
    for got, wanted in zip(restored, trained(), strict=True):
        assert got.value.dtype == wanted.value.dtype
        assert np.array_equal(got.value, wanted.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"variable_0": np.zeros((2, 3), np.float32)},
        {"variable_0": np.zeros((3, 2), np.float64)},
        {"variable_0": np.zeros((3, 2), np.int32)},
        {"variable_0": np.asfortranarray(np.ones((3, 2), np.float32))},
        {"variable_0": np.full((3, 2), np.nan, np.float32)},
        {"variable_0": np.full((3, 2), np.inf, np.float32)},
        {"variable_0": np.zeros((3_000_000, 2), np.float32)},
        {"variable_1": np.zeros(1, np.int64)},
        {"variable_2": None},
        {"state": None},
        {"state": []},
        {"state": {**STATE, "epochs": []}},
        {"state": {**STATE, "epochs": [asdict(EPOCH)] * 2}},
        {"state": {**STATE, "epochs": [asdict(replace(EPOCH, number=2))]}},
        {"state": {**STATE, "epochs": [{**asdict(EPOCH), "number": number} for number in (1, 2, 3, 4)]}},
        {"state": {**STATE, "epochs": [{**asdict(EPOCH), "loss": float("nan")}]}},
        {"state": {**STATE, "epochs": [{**asdict(EPOCH), "seconds": "x"}]}},
        {"state": {**STATE, "epochs": [{**asdict(EPOCH), "validation_images": 0}]}},
        {"state": {**STATE, "epochs": [{**asdict(EPOCH), "validation_correct": -1}]}},
        {"state": {**STATE, "run": {**asdict(RUN), "seed": None}}},
        {"state": {**STATE, "run": {**asdict(RUN), "epochs": 1e400}}},
    ],
    ids=range(21),
)
def test_what_training_cannot_go_on_from_is_refused(folder: ModelFolder, changed: dict[str, Any]) -> None:
    np.savez(folder.checkpoint, **arrays_with(**changed))
    assert "is damaged" in refused(folder)


def compressed(path: Path) -> None:
    np.savez_compressed(path, **arrays_with())


def objects(path: Path) -> None:
    np.savez(path, **arrays_with(variable_0=np.full((3, 2), {}, object)))


def huge_header(path: Path) -> None:
    """A few bytes that claim to be an array of 8 TB."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"shape": (10**12,), "fortran_order": False, "descr": "<f8"})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.npy", member.getvalue())


def empty_zip(path: Path) -> None:
    zipfile.ZipFile(path, "w").close()


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**10)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def subfolder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("make", [compressed, objects, huge_header, empty_zip, too_large, pipe, subfolder])
def test_what_is_no_checkpoint_is_refused(folder: ModelFolder, make: Callable[[Path], None]) -> None:
    make(folder.checkpoint)
    assert "is damaged" in refused(folder)


def test_damaged_bytes_are_refused_or_change_nothing(folder: ModelFolder) -> None:
    whole, rng = folder.checkpoint.read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 2, 20))):
            damaged[rng.randrange(len(whole))] = rng.randrange(256)
        folder.checkpoint.write_bytes(damaged[: rng.choice((len(whole), rng.randrange(len(whole))))])
        restored = variables()
        try:
            load(folder, RUN, restored)
        except TrainingError:
            assert not any(np.any(item.value) for item in restored)
        else:
            assert np.array_equal(restored[0].value, trained()[0].value)


def test_another_run_is_named_before_its_arrays_are_compared(folder: ModelFolder) -> None:
    message = refused(folder, replace(RUN, recipe="nano", recipe_sha256="ef" * 32, seed=2))
    assert "recipe was edge, now nano, seed was 0, now 2; give the same options" in message
    assert "sha256" not in message


def test_a_recipe_that_has_changed_is_another_run(folder: ModelFolder) -> None:
    assert "the recipe 'edge' or its teacher has changed since" in refused(
        folder, replace(RUN, recipe_sha256="ef" * 32)
    )


def test_every_setting_and_layer_of_a_recipe_counts() -> None:
    recipe = find_recipe("edge")
    changed = [
        replace(recipe, learning_rate=0.02),
        replace(recipe, weight_decay=0.0),
        replace(recipe, layers=recipe.layers[1:]),
        replace(recipe, layers=(Conv(17, 5, stride=2, batch_norm=True), *recipe.layers[1:])),
        replace(recipe, augmentation=None),
    ]
    assert len({digest(recipe), *map(digest, changed)}) == 6
    assert digest(recipe) == digest(replace(recipe))
