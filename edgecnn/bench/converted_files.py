"""Has a model converted before a run for the runtimes that read files of their own, each in a process of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edgecnn.bench import Runtime
from edgecnn.bench.contenders import COMPILED, CONVERTED, TFLITE, Contender, Entry
from edgecnn.bench.runtimes.converted import MNN_FILE, NCNN_FOLDER
from edgecnn.data import Dataset
from edgecnn.errors import EdgecnnError
from edgecnn.preprocessing import to_plain
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError

CALIBRATION_IMAGES, CALIBRATION_SEED = 512, 0  # as in `edgecnn export --quantize`
CALIBRATION = "calibration.npy"
LATE = "the conversion for {} took longer than the time limit: raise --timeout"
NO_DATA = "quantizing for LiteRT needs calibration images: give --data"
TITLES: Mapping[Runtime, str] = {"litert": "LiteRT", "ncnn": "ncnn", "mnn": "MNN"}
FILES: Mapping[Runtime, str] = {"ncnn": NCNN_FOLDER, "mnn": MNN_FILE}
Reasons = dict[Runtime, str]


def converted(entry: Entry, dataset: Dataset | None, folder: Path, limit: float) -> tuple[Sequence[Contender], Reasons]:
    """The contenders, each with its file converted into `folder`; and by runtime, why a converted file is missing.

    Each file may take `limit` seconds.
    """
    first = {item.runtime: item for item in reversed(entry.contenders) if _is_to_convert(item)}
    if not first:
        return entry.contenders, {}
    folder.mkdir()
    if dataset:
        np.save(folder / CALIBRATION, dataset.train.sample(CALIBRATION_IMAGES, CALIBRATION_SEED).images)
    reasons = {runtime: _reason(item, folder / runtime, limit) for runtime, item in first.items()}
    return [_with_file(item, folder) if _is_to_convert(item) else item for item in entry.contenders], reasons


def _is_to_convert(item: Contender) -> bool:
    return item.runtime in CONVERTED and item.file.suffix != TFLITE


def _with_file(item: Contender, folder: Path) -> Contender:
    name = FILES.get(item.runtime) or f"{item.variant.removesuffix(COMPILED)}{TFLITE}"
    return replace(item, file=folder / item.runtime / name)


def _reason(item: Contender, folder: Path, limit: float) -> str:
    """Convert. Returns the reason to report if a file is missing afterwards."""
    folder.mkdir()
    convert = _for_litert if item.runtime == "litert" else _from_onnx
    title = TITLES[item.runtime]
    try:
        return convert(item, folder, limit)
    except ChildLateError:
        return LATE.format(title)
    except (ChildEndedError, EdgecnnError) as error:
        return f"the model cannot be converted for {title}: {error}"


def _for_litert(item: Contender, folder: Path, limit: float) -> str:
    calibration = folder.parent / CALIBRATION
    with Child("edgecnn.bench.runtimes.litert_conversion", str(folder)) as child:
        child.ask("load", limit, original=str(item.file.resolve()), **asdict(item.selection))
        child.ask("float32", limit)
        if calibration.exists():
            child.ask("int8", limit, preprocessing=to_plain(item.preprocessing), calibration=str(calibration))
    return NO_DATA


def _from_onnx(item: Contender, folder: Path, limit: float) -> str:
    with Child("edgecnn.bench.runtimes.onnx_conversion", str(folder)) as child:
        child.ask("load", limit, model=str(item.file.resolve()))
        child.ask(item.runtime, limit)
    return ""
