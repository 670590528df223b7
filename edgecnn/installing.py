"""Installs a bundle as a model folder: all of it or nothing, and never over another model."""

from dataclasses import dataclass
from pathlib import Path

from edgecnn.bench.recorded import read_recorded
from edgecnn.bundles.archive import Bundle, open_bundle
from edgecnn.bundles.manifest import CARD, Manifest
from edgecnn.bundles.pictures import read_images
from edgecnn.bundles.unpacking import card_in, is_bundle, require_space
from edgecnn.card import Card
from edgecnn.errors import EdgecnnError, ModelError, OutputError
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder, default_folder
from edgecnn.runtime.classifier import Classifier


@dataclass(frozen=True)
class Installed:
    """The model folder, and the manifest of the bundle that it came in."""

    path: Path
    manifest: Manifest


def install(bundle: str | Path, out: Path | None = None) -> Installed:
    """Unpack a bundle into a model folder, by default `models/<name>` here, in one step.

    Each ONNX file is opened once before. A folder that holds another model is not written to. Raises ModelError for a
    bundle that is not as it should be or that this onnxruntime cannot run, and OutputError.
    """
    path = Path(bundle)
    if not path.exists():
        raise ModelError(f"{path} does not exist: give the file that 'edgecnn bundle' wrote")
    if not is_bundle(path):
        raise ModelError(f"{path} is not a bundle: give the file that 'edgecnn bundle' wrote")
    with open_bundle(path) as found:
        folder = ModelFolder(out) if out else default_folder(found.manifest.name)
        _require_no_other(found, folder)
        with folder.changing() as staged:
            require_space(found, staged.path)
            found.unpack(staged.path)
            _require_usable(found, staged)
            for stale in folder.brought():
                if stale.name not in found.manifest.files:
                    staged.remove(stale)
        return Installed(folder.path, found.manifest)


def _require_no_other(bundle: Bundle, folder: ModelFolder) -> None:
    """Raise OutputError if a folder holds a model that is not the one of the bundle."""
    if folder.path.exists() and not folder.path.is_dir():
        raise OutputError(f"cannot install to {folder.path}: it is not a folder; give --out DIR")
    told = bundle.manifest.files
    others = [*folder.onnx_files(), *([folder.card_path] if folder.card_path.exists() else ())]
    other = next((path for path in others if path.name not in told or sha256(path) != told[path.name].sha256), None)
    original = folder.original()
    if other is None and original and CARD in told and not folder.card_path.exists():
        other = original
    if other:
        raise OutputError(
            f"{folder.path} holds another model: its {other.name} is not that of {bundle.path}; "
            "give --out DIR, or move the folder away"
        )


def _require_usable(bundle: Bundle, staged: ModelFolder) -> None:
    """Open all that was unpacked once. Raises ModelError, in which the files are called by the bundle's name."""
    card = card_in(bundle, staged.path)
    try:
        for path in staged.onnx_files():
            Classifier(path)
        _read_all(staged, card)
    except EdgecnnError as error:
        told = str(error).replace(f"{staged.path}/", f"{bundle.path}/")
        raise ModelError(f"{bundle.path} is not installed: {told}") from None


def _read_all(folder: ModelFolder, card: Card) -> None:
    if folder.images.exists():
        read_images(folder.images, card)
    read_recorded(folder, "", card)
