"""The record of an original TensorFlow model that travels with its ONNX files: `original.json` of a model folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from edgecnn.bench.results import Bench, Recorded
from edgecnn.card import Card
from edgecnn.errors import BenchError, ModelError
from edgecnn.files import read_bytes, require_few_values, sha256
from edgecnn.folder import ModelFolder

MOST_BYTES, MOST_MEMORY = 2**25, 2**27  # of the file, and of its values in memory
LARGEST = 2**62  # nanoseconds or bytes
AGAIN = "bundle the model again"


def record_of(run: Bench, name: str, original_sha256: str, images_sha256: str) -> Recorded:
    """What a run measured of an original, without the paths of the machine. Raises BenchError if that is nothing."""
    done = [item for item in run.measurements if item.rounds and not item.failure and item.answers is not None]
    if not done:
        reasons = [item.failure or item.unscored for item in run.measurements if item.failure or item.unscored]
        raise BenchError(reasons[0] if reasons and reasons[0] else "it could not be measured")
    kept = [
        replace(item, contender=replace(item.contender, model=name, file=Path(item.contender.file.name)))
        for item in done
    ]
    return Recorded(
        name, original_sha256, images_sha256, run.started, run.plan, run.host, tuple(kept), run.stability_issues
    )


def to_json(recorded: Recorded) -> bytes:
    return msgspec.json.encode(recorded, enc_hook=str) + b"\n"


def read_recorded(folder: ModelFolder, model: str, card: Card, images_sha256: str = "") -> Recorded | None:
    """The record in a folder, called `model`, of the images of that hash; by default, of those in the folder.

    None if there is none. Raises ModelError if it is damaged, or is about other images, or not about the card's model.
    """
    if not (folder.record.exists() and (images_sha256 or folder.images.exists())):
        return None
    try:
        content = read_bytes(folder.record, MOST_BYTES)
        require_few_values(content, MOST_MEMORY)
        found = msgspec.json.decode(content, type=Recorded, dec_hook=_from_text)
        _require_sound(found, len(card.labels))
    except (OSError, ValueError, RecursionError, BenchError) as error:
        raise ModelError(f"{folder.record} is not a record of an original ({error}): {AGAIN}") from None
    if found.images_sha256 != (images_sha256 or sha256(folder.images)):
        raise ModelError(f"{folder.record} is about other images than {folder.images.name}: {AGAIN}")
    if card.original_sha256 not in ("", found.original_sha256):
        raise ModelError(f"{folder.record} is about another original than {folder.card_path.name}: {AGAIN}")
    return replace(found, model=model)


def _from_text(kind: type, value: Any) -> Any:
    return kind(value)  # a Path, the one type here that JSON has not


def _require_sound(found: Recorded, classes: int) -> None:
    """Raise ValueError for figures that no run has."""
    if not found.measurements or found.plan.scenario != "single-stream":
        raise ValueError("it has no measurement")
    for item in found.measurements:
        times = [ns for part in item.rounds for ns in part.ns]
        counts = [count for part in item.rounds for count in (part.queries, part.elapsed_ns, part.batch)]
        if not times or not all(0 < value < LARGEST for value in (*times, *counts)) or item.accuracy is None:
            raise ValueError("a time in it is not one")
        if not item.answers or len(item.answers) != item.accuracy.images:
            raise ValueError("it does not have an answer for each image")
        if not all(0 <= answer < classes for answer in item.answers):
            raise ValueError("an answer in it is not a class")
