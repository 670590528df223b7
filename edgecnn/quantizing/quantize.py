"""[onnx] `quantize`: makes a float32 ONNX file smaller and faster where that pays, and keeps float32 where not."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgecnn import folder as folders
from edgecnn.data import Dataset
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import ExportError
from edgecnn.exporting import export as exporting
from edgecnn.exporting.onnx_file import open_onnx
from edgecnn.folder import ModelFolder
from edgecnn.graph.graph import onnx_module
from edgecnn.preprocessing import Preprocessing
from edgecnn.progress import OnProgress, ignore
from edgecnn.quantizing import calibration as calibrations
from edgecnn.quantizing.decision import MAX_DROP
from edgecnn.quantizing.evaluator import Evaluator
from edgecnn.quantizing.float32_model import load_source
from edgecnn.quantizing.result import QuantizationResult
from edgecnn.quantizing.schemes import Scheme, Target
from edgecnn.quantizing.search import Search
from edgecnn.quantizing.write import Request, require_room, ship
from edgecnn.runtime.classifier import Classifier
from edgecnn.scratch import scratch


def quantize(
    model: str | Path,
    calibration: NDArray[Any] | None = None,
    *,
    scheme: Scheme = "auto",
    target: Target = "host",
    max_drop: float = MAX_DROP,
    data: str | Path | None = None,
    calibration_images: int = calibrations.IMAGES,
    out: Path | None = None,
    preprocess: Preprocessing | None = None,
    output: str | None = None,
    progress: OnProgress = ignore,
) -> QuantizationResult:
    """Quantize a float32 ONNX file and write the result next to it, if that pays. Return what was tried and chosen.

    The scheme "auto" tries several candidates of static int8. Each is scored on the validation images and timed against
    float32 on this machine. A candidate may ship if the 95 % interval of its speed-up lies above 1 and it loses at most
    `max_drop` percentage points of accuracy. The fastest of them ships; if there is none, float32 does. For a `target`
    other than this machine nothing can be timed, so the candidate is chosen by rule. A `scheme` given by name is
    written even if it is not faster; `notes` then say so.

    `calibration` holds images, uint8 [n, height, width] or [n, height, width, 3], or in the form that the model takes.
    Without it, `calibration_images` training images are drawn from `data`, which defaults to the data set that the
    model was trained with. `preprocess` says how a float model of another tool wants its pixels; by default it is
    chosen by log loss on validation images. `output` is which of its outputs to take, if it has several. Test images
    only score the result; they choose nothing. `out` is the model folder to write into.

    Raises ModelError, ExportError, VerificationError, DataError, InputError, MissingDependencyError and OutputError.
    Nothing is written if it raises.
    """
    onnx_module()
    source = folders.find_onnx(model)
    folder = exporting.folder_for(model, source, out)
    require_room(folder, source)
    original = Classifier(source, threads=1, preprocessing=preprocess, output=output)
    proto = load_source(source)
    dataset = _dataset(source, original, data)
    with scratch() as unfinished:
        notes: tuple[str, ...] = ()
        if original.is_foreign:
            described = exporting.Request(ModelFolder(unfinished / folder.path.name), dataset, preprocess)
            exported = exporting.write(open_onnx(source, output or ""), described)
            original, notes = Classifier(exported.path, threads=1), exported.notes
            proto = load_source(exported.path)
        request = Request(folder, dataset, scheme, target, max_drop, notes)
        if calibration is None:
            images = calibrations.draw(dataset, original.input, calibration_images)
        else:
            images = calibrations.given(calibration, original.input)
        evaluator = Evaluator(original, proto, images, dataset.validation, unfinished)
        search = Search(evaluator, target, max_drop, progress)
        found = search.run() if scheme == "auto" else search.run_named(scheme)
        return ship(request, evaluator, found, progress)


def _dataset(source: Path, original: Classifier, data: str | Path | None) -> Dataset:
    card = ModelFolder(source.parent).card_of(source)
    origin, labels = origin_of(card, original.metadata.dataset), original.labels
    dataset = find_dataset(origin, data, original.input, len(labels), labels=labels)
    if dataset is None:
        raise ExportError(f"quantizing {source} needs images like those that it was trained with: give --data PATH")
    return dataset
