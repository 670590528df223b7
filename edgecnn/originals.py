"""What TensorFlow answers to a model's images and how long it takes, measured once on this machine and kept.

Times differ from run to run. A bundle of the same model has to have the same bytes, so the first measurement is kept in
the user's cache folder, by the hashes of the original and the images, the host and TensorFlow's version.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import start_list
from edgecnn.bench.measure import measure_entries
from edgecnn.bench.recorded import read_recorded, record_of, to_json
from edgecnn.bench.results import Plan, Recorded
from edgecnn.card import Card
from edgecnn.data import Dataset
from edgecnn.errors import BenchError, ModelError
from edgecnn.exporting.isolated import open_isolated
from edgecnn.files import cache_folder, sha256
from edgecnn.folder import ModelFolder
from edgecnn.host.machine import fingerprint, installed
from edgecnn.preprocessing import Preprocessing
from edgecnn.progress import OnProgress
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.scores import recognize, to_probabilities
from edgecnn.transaction import transaction

FOLDER = "originals"
PLAN = Plan(duration=2.0)
KEY_DIGITS = 32
MOST_BYTES = 2**28  # of kept probabilities: 1,000 images and 65,000 classes


@dataclass(frozen=True)
class Original:
    """A record of times and labels, and the probabilities of the images, float32 [n, classes]."""

    recorded: Recorded
    probabilities: NDArray[np.float32]

    def write(self, folder: ModelFolder) -> None:
        folder.record.write_bytes(to_json(self.recorded))
        np.save(folder.scores, self.probabilities)


def recorded_original(
    folder: ModelFolder, card: Card, images: Dataset, images_sha256: str, *, again: bool, progress: OnProgress
) -> Original:
    """What is kept of a folder's original, or what is measured now. `images` are the test images to answer.

    Raises BenchError and ExportError if it cannot be run, and OutputError if it cannot be kept.
    """
    path = folder.original()
    assert path
    known = sha256(path)
    kept = _place(known, images_sha256)
    found = None if again else _read(kept, card, images, images_sha256)
    if found is None:
        found = _measured(folder, card, replace(images, sha256=images_sha256), known, progress)
        with transaction(kept.path) as change:
            found.write(ModelFolder(change.path))
    return Original(replace(found.recorded, model=folder.path.resolve().name), found.probabilities)


def _place(original: str, images: str) -> ModelFolder:
    facts = (original, images, fingerprint(), installed("tensorflow"), installed("keras"), PLAN)
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:KEY_DIGITS]
    return ModelFolder(cache_folder() / FOLDER / key)


def _read(kept: ModelFolder, card: Card, images: Dataset, images_sha256: str) -> Original | None:
    """What was kept; None if that is nothing, or is damaged."""
    try:
        recorded = read_recorded(kept, "", card, images_sha256)
        if recorded is None or kept.scores.stat().st_size > MOST_BYTES:
            return None
        probabilities = np.load(kept.scores, allow_pickle=False)
    except (OSError, ValueError, EOFError, ModelError):
        return None
    fits = probabilities.shape == (len(images.test), len(images.labels)) and probabilities.dtype == np.float32
    return Original(recorded, probabilities) if fits else None


def _measured(folder: ModelFolder, card: Card, images: Dataset, known: str, progress: OnProgress) -> Original:
    entries = start_list([folder.path], threads=PLAN.threads, batch=PLAN.batch, runtimes=["tensorflow"])
    run = measure_entries(entries, PLAN, data=Path(images.name), read=lambda _: images, progress=progress)
    if run.partial:
        raise BenchError("it was stopped before its end")
    recorded = record_of(run, folder.path.resolve().name, known, images.sha256)
    return Original(recorded, _probabilities(folder, card, images))


def _probabilities(folder: ModelFolder, card: Card, images: Dataset) -> NDArray[np.float32]:
    path = folder.original()
    assert path
    spec = InputSpec(card.input_shape, card.input_dtype, card.preprocessing or Preprocessing())
    scores = open_isolated(path, card.selection).scores(images.test.images, spec)
    return to_probabilities(scores, recognize(scores)).astype(np.float32, copy=False)
