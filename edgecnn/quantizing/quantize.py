"""[onnx] The stage: a float32 ONNX file in, and out the smaller precision that pays, or the word that none does."""

import tempfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgecnn import folder as folders
from edgecnn.data import Dataset
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import ExportError
from edgecnn.exporting.export import folder_for
from edgecnn.graph.graph import onnx_module
from edgecnn.progress import OnProgress, ignore
from edgecnn.quantizing import calibration as calibrations
from edgecnn.quantizing.decision import MAX_DROP
from edgecnn.quantizing.evaluator import Evaluator
from edgecnn.quantizing.float32_model import load_source
from edgecnn.quantizing.result import QuantizationResult
from edgecnn.quantizing.schemes import Scheme, Target
from edgecnn.quantizing.search import Search
from edgecnn.quantizing.write import Request, ship
from edgecnn.runtime.classifier import Classifier


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
    progress: OnProgress = ignore,
) -> QuantizationResult:
    """Write a smaller precision of a float32 ONNX file beside it if one pays, and say what was tried and chosen.

    "auto" tries static int8 in several ways. Each is judged on the validation images and timed on this machine beside
    float32; the fastest ships whose speed-up's interval lies above 1 and that loses at most `max_drop` percentage
    points, or else float32 does. For another `target` nothing can be timed: the way is chosen by rule. A `scheme` by
    name is written whether it is faster or not, and `notes` say if it is not.

    `calibration` are images, uint8 [n, height, width(, 3)] or as the model takes them; without them
    `calibration_images` are drawn from the training images of `data`, or of what the model was trained with. Test
    images only score what was chosen. Raises ModelError, ExportError, VerificationError, DataError, InputError,
    MissingDependencyError, OutputError; then nothing is written.
    """
    onnx_module()
    source = folders.find_onnx(model)
    original = Classifier(source, threads=1)
    proto = load_source(source)
    dataset = _dataset(source, original, data)
    images = (
        calibrations.draw(dataset, original.input, calibration_images)
        if calibration is None
        else calibrations.given(calibration, original.input)
    )
    with tempfile.TemporaryDirectory() as scratch:
        evaluator = Evaluator(original, proto, images, dataset.validation, Path(scratch))
        search = Search(evaluator, target, max_drop, progress)
        found = search.run() if scheme == "auto" else search.run_named(scheme)
        return ship(
            Request(folder_for(model, source, out), dataset, scheme, target, max_drop), evaluator, found, progress
        )


def _dataset(source: Path, original: Classifier, data: str | Path | None) -> Dataset:
    card = folders.ModelFolder(source.parent).card()
    dataset = find_dataset(origin_of(card, original.metadata.dataset), data, original.input, len(original.labels))
    if dataset is None:
        raise ExportError(f"quantizing {source} needs images like those it was trained with: give --data PATH")
    return dataset
