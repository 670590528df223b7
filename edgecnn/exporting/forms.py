"""Tells files of other tools from Keras models and SavedModels, and says how to come from one to the other."""

from pathlib import Path

from edgecnn.errors import ExportError, ModelError
from edgecnn.files import open_regular

ZIP, HDF5 = b"PK", b"\x89HDF\r\n\x1a\n"
FIRST_BYTES = 16
SUFFIXES = {
    ".tflite": "is a LiteRT file, which cannot be converted back: give the Keras model or SavedModel it was made of",
    **dict.fromkeys(
        (".pt", ".pth", ".ckpt", ".safetensors"),
        "is not a TensorFlow model: for PyTorch, write an ONNX file with torch.onnx.export and give that",
    ),
    **dict.fromkeys(
        (".pb", ".pbtxt"), "is the graph of a model without its weights: give the folder of the SavedModel it stands in"
    ),
    **dict.fromkeys(
        (".json", ".yaml"),
        "describes a network without its weights: save the whole model with model.save('name.keras')",
    ),
    **dict.fromkeys(
        (".index", ".data-00000-of-00001"), "holds weights only: save the model with model.save('name.keras')"
    ),
}
KERAS = {".keras": ZIP, ".h5": HDF5, ".hdf5": HDF5}
NAMES = {ZIP: ("a zip file", ".keras"), HDF5: ("an HDF5 file", ".h5")}


def require_loadable(path: Path) -> None:
    """Raise ExportError or ModelError if a path cannot be a Keras model or a SavedModel."""
    if path.is_dir():
        _require_saved_model(path)
        return
    first = _first_bytes(path)
    if first[4:8] == b"TFL3":
        raise ExportError(f"{path} {SUFFIXES['.tflite']}")
    if path.suffix in SUFFIXES:
        raise ExportError(f"{path} {SUFFIXES[path.suffix]}")
    if path.suffix not in KERAS:
        raise ExportError(f"{path} is not a .keras file, an .h5 file or the folder of a SavedModel: give one of these")
    _require_content(path, first)


def _require_content(path: Path, first: bytes) -> None:
    for magic, (kind, suffix) in NAMES.items():
        if first.startswith(magic):
            if KERAS[path.suffix] != magic:
                raise ExportError(f"{path} is {kind}: rename it to {path.stem}{suffix}")
            return
    raise ModelError(f"{path} is damaged or not a Keras model: save it again with model.save('name.keras')")


def _first_bytes(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(FIRST_BYTES)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}): check the path") from None


def _require_saved_model(folder: Path) -> None:
    if (folder / "saved_model.pb").exists():
        return
    if (folder / "saved_model.pbtxt").exists():
        raise ExportError(f"{folder} holds its graph as text: save it again with tf.saved_model.save")
    raise ModelError(f"{folder} holds no saved_model.pb: give the folder that model.export('folder') wrote")
