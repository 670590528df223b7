"""Saves and restores an unfinished training in one `.npz` file of arrays and JSON, without pickles."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgecnn.card import Epoch
from edgecnn.errors import TrainingError
from edgecnn.files import atomic
from edgecnn.folder import ModelFolder


@dataclass(frozen=True)
class Run:
    """The options of a training. `--resume` continues only a training with the same options."""

    recipe: str
    dataset: str
    data_sha256: str
    epochs: int
    seed: int
    limit: int | None
    augment: bool = True


def save(folder: ModelFolder, run: Run, done: Sequence[Epoch], variables: Sequence[Any]) -> None:
    """Write the checkpoint of the epochs done, and replace the one before. Raises OutputError."""
    state = json.dumps({"run": asdict(run), "epochs": [asdict(epoch) for epoch in done]})
    arrays = {f"variable_{number}": np.asarray(variable) for number, variable in enumerate(variables)}
    with atomic(folder.checkpoint) as path:
        np.savez(path, state=np.array(state), allow_pickle=False, **arrays)


def load(folder: ModelFolder, run: Run, variables: Sequence[Any]) -> tuple[Epoch, ...]:
    """Assign the checkpoint's arrays to `variables`, and return the epochs done.

    Raises TrainingError if there is no checkpoint, if it is damaged, or if it belongs to a run with other options.
    """
    path = folder.checkpoint
    if not path.exists():
        raise TrainingError(f"{folder.path} holds no unfinished training: train without --resume")
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = json.loads(str(archive["state"]))
            saved, epochs = Run(**state["run"]), tuple(Epoch(**epoch) for epoch in state["epochs"])
            if saved != run:
                raise TrainingError(
                    f"{path} belongs to another training: {_differences(saved, run)}; "
                    "give the same options, or train without --resume"
                )
            arrays = [archive[f"variable_{number}"] for number in range(len(variables))]
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is damaged ({error}): train without --resume") from None
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return epochs


def _differences(saved: Run, asked: Run) -> str:
    before, now = asdict(saved), asdict(asked)
    return ", ".join(f"{name} was {before[name]}, now {now[name]}" for name in before if before[name] != now[name])
