"""Has an original converted for LiteRT before a run, in a process of its own, which needs TensorFlow."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edgecnn.bench.contenders import Contender, Entry
from edgecnn.data import Dataset
from edgecnn.errors import EdgecnnError
from edgecnn.preprocessing import to_plain
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError

CALIBRATION_IMAGES, CALIBRATION_SEED = 512, 0  # as in `edgecnn export --quantize`
LATE = "the conversion for LiteRT took longer than the time limit: raise --timeout"
NO_DATA = "quantizing for LiteRT needs calibration images: give --data"


def converted(entry: Entry, dataset: Dataset | None, folder: Path, limit: float) -> tuple[Sequence[Contender], str]:
    """The contenders, LiteRT's with files converted into `folder`; and the reason if a converted file is missing.

    Each file may take `limit` seconds.
    """
    original = next((item for item in entry.contenders if item.runtime == "litert"), None)
    if original is None:
        return entry.contenders, ""
    folder.mkdir()
    calibration = folder / "calibration.npy"
    if dataset:
        np.save(calibration, dataset.train.sample(CALIBRATION_IMAGES, CALIBRATION_SEED).images)
    contenders = [
        replace(item, file=folder / f"{item.variant}.tflite") if item.runtime == "litert" else item
        for item in entry.contenders
    ]
    return contenders, _convert(original, calibration if dataset else None, folder, limit)


def _convert(original: Contender, calibration: Path | None, folder: Path, limit: float) -> str:
    """Convert. Returns the reason to report if a file is missing afterwards."""
    with Child("edgecnn.bench.runtimes.litert_conversion", str(folder)) as child:
        try:
            child.ask("load", limit, original=str(original.file.resolve()), **asdict(original.selection))
            child.ask("float32", limit)
            if calibration:
                child.ask("int8", limit, preprocessing=to_plain(original.preprocessing), calibration=str(calibration))
        except ChildLateError:
            return LATE
        except (ChildEndedError, EdgecnnError) as error:
            return f"the model cannot be converted for LiteRT: {error}"
    return NO_DATA
