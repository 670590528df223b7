"""Makes a bundle: the one file in which a model travels to devices, with what is needed to measure it there."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgecnn.bundles import packing
from edgecnn.bundles.manifest import FORMAT, MODEL_NAME, Entry, Manifest
from edgecnn.bundles.pictures import CALIBRATION_IMAGES, sampled, write_images
from edgecnn.card import Card, versions
from edgecnn.data import Dataset
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import DataNotHere, EdgecnnError, ModelError, OutputError
from edgecnn.files import require_writable, sha256
from edgecnn.folder import BUNDLE_SUFFIX, ModelFolder, find
from edgecnn.originals import Original, recorded_original
from edgecnn.preprocessing import Preprocessing
from edgecnn.progress import OnProgress, ignore
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.scratch import scratch


@dataclass(frozen=True)
class Bundled:
    """A bundle that was written: its path, its size in bytes, the hash that seals it, and what it holds."""

    path: Path
    bytes: int
    sha256: str
    manifest: Manifest


def bundle(
    model: str | Path,
    out: Path | None = None,
    *,
    data: str | Path | None = None,
    again: bool = False,
    progress: OnProgress = ignore,
) -> Bundled:
    """Write a model folder's ONNX files, its card, images, and what was measured of its original, to one file.

    `out` is the file, by default `<name>.edgecnn.zip` here. The images are 1,000 test images and the calibration images
    of `data`, by default of the data that the model was trained with. The original is measured once on this machine,
    which needs TensorFlow; with `again`, it is measured anew. What is not here is left out, and the manifest's `lacks`
    says why. The same model becomes the same bytes.

    Raises UsageError, ModelError for a folder without a card or an ONNX file, DataError, and OutputError.
    """
    folder, card = _model(model)
    name = folder.path.resolve().name
    if not MODEL_NAME.fullmatch(name):
        raise ModelError(f"{folder.path} cannot be bundled under the name {name!r}: rename it to letters and digits")
    path = out or Path(f"{name}{BUNDLE_SUFFIX}")
    if path.suffix != Path(BUNDLE_SUFFIX).suffix:
        raise OutputError(f"cannot write {path}: a bundle's name ends with {BUNDLE_SUFFIX}")
    require_writable(path)
    with scratch() as unfinished:
        found, lacks = _brought(folder, card, data, again, ModelFolder(unfinished), progress)
        files = {path.name: path for path in (*folder.onnx_files(), folder.card_path, *found)}
        manifest = Manifest(FORMAT, name, _entries(files), lacks, versions("edgecnn", "onnxruntime"))
        seal = packing.pack(path, manifest, files)
    return Bundled(path, path.stat().st_size, seal, manifest)


def _model(model: str | Path) -> tuple[ModelFolder, Card]:
    """The folder and its card, which fits all of its ONNX files. Raises ModelError."""
    path = find(model)
    folder = ModelFolder(path)
    if not path.is_dir() or not folder.onnx_files():
        raise ModelError(f"{path} is not a folder with an ONNX file: run 'edgecnn export {path}', and give its folder")
    card = folder.card()
    if card is None:
        raise ModelError(f"{path} has no {folder.card_path.name}: run 'edgecnn export {path}' first")
    for file in folder.onnx_files():
        if file in folder.undescribed(card):
            raise ModelError(f"{folder.card_path} is not about the {file.name} beside it: export again, or remove it")
    return folder, card


def _entries(files: Mapping[str, Path]) -> dict[str, Entry]:
    return {name: Entry(files[name].stat().st_size, sha256(files[name])) for name in sorted(files)}


def _brought(
    folder: ModelFolder,
    card: Card,
    data: str | Path | None,
    again: bool,
    unfinished: ModelFolder,
    progress: OnProgress,
) -> tuple[list[Path], tuple[str, ...]]:
    """The files of images and of the original, and what is lacking of them."""
    came = folder.brought()
    if data is None and folder.original() is None and folder.images in came:
        lacking = () if folder.record in came else ("the original's answers and times: the folder came without them",)
        return came, lacking  # as in the bundle that the folder came in
    dataset, reason = _dataset(card, data)
    if dataset is None:
        return [], (f"images: {reason}", "the original's answers and times: they are those of the images")
    images = sampled(dataset, _calibration_images(card))
    write_images(unfinished.images, images)
    original, reason = _original(folder, card, images, unfinished, again, progress)
    if original is None:
        return [unfinished.images], (f"the original's answers and times: {reason}",)
    original.write(unfinished)
    return [unfinished.images, unfinished.record, unfinished.scores], ()


def _dataset(card: Card, data: str | Path | None) -> tuple[Dataset | None, str]:
    """The data set, or why there is none."""
    spec = InputSpec(card.input_shape, card.input_dtype, card.preprocessing or Preprocessing())
    try:
        found = find_dataset(origin_of(card), data, spec, len(card.labels), labels=card.labels)
    except DataNotHere as error:
        return None, str(error)
    return found, "" if found else "the card does not say which data set the model was trained with: give --data"


def _calibration_images(card: Card) -> int:
    """As many as an int8 file of the folder was calibrated by."""
    said = [record.quantization.get("calibration") for record in card.exports.values()]
    counts = [entry.get("images") for entry in said if isinstance(entry, dict)]
    return max((count for count in counts if isinstance(count, int) and count > 0), default=CALIBRATION_IMAGES)


def _original(
    folder: ModelFolder, card: Card, images: Dataset, unfinished: ModelFolder, again: bool, progress: OnProgress
) -> tuple[Original | None, str]:
    """What TensorFlow makes of the images, or why that is not known."""
    path = folder.original()
    if path is None:
        return None, f"the folder has no {folder.keras.name}"
    if find_spec("tensorflow") is None:
        return None, "TensorFlow is not installed: pip install 'edgecnn[train]'"
    if path in folder.undescribed(card):
        return None, f"{folder.card_path.name} is not about the {path.name} beside it"
    try:
        return recorded_original(folder, card, images, sha256(unfinished.images), again=again, progress=progress), ""
    except OutputError:
        raise
    except EdgecnnError as error:
        return None, f"it cannot be measured ({error})"
