"""TensorFlow models from outside, run in a process of their own: this one never imports TensorFlow.

The process has limits of time, memory and file size (`edgecnn.exporting.limits`), starts in an empty folder and dies
with this one. It stays for the next model, because importing TensorFlow takes seconds.
"""

import atexit
import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import EdgecnnError, ExportError, MissingDependencyError
from edgecnn.exporting.model_server import CONVERTED, IMAGES, SCORES
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.metadata import NOTHING, ModelMetadata
from edgecnn.scratch import scratch, telling_what_is_full
from edgecnn.selection import USUAL, Selection
from edgecnn.training.backend import in_chunks

# Seconds. The largest networks of keras.applications take 40 to load and 300 to convert on two cores of a laptop.
SECONDS = {"check": 60, "describe": 300, "run": 120, "convert": 1800}
PURPOSE = "loading a TensorFlow model"
CURES = {"check": "it is damaged; save it again"}
CURE = "try a smaller model, or a machine with more memory"
DOING = {"check": "inspected", "describe": "loaded and run", "run": "run", "convert": "converted"}


@dataclass(frozen=True)
class IsolatedModel:
    """A TensorFlow model with one image input and one output of scores, `outputs` for each image, in another process.

    `trial_shape` is the shape of an image that it can take. `trained` is False if no training has changed the weights.
    `wanted` is what the user chose of several signatures and
    outputs, and `selection` what was taken.
    """

    path: Path
    key: str
    shape: tuple[int | None, ...]
    dtype: str
    trial_shape: tuple[int, ...]
    outputs: int
    parameters: int
    wanted: Selection
    selection: Selection
    trained: bool
    precision: str = "float32"
    stated: None = None
    metadata: ModelMetadata = NOTHING
    packages: tuple[str, ...] = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime")

    @property
    def input(self) -> InputSpec:
        """What it takes; how a float model wants its pixels is not known yet."""
        return InputSpec(self.shape, self.dtype)

    def convert(self, opset: int) -> bytes:
        """The model as an ONNX file of any batch size. Raises ExportError and MissingDependencyError."""
        with _PROCESS.lock:
            _PROCESS.ask("convert", self.path, key=self.key, **asdict(self.wanted), opset=opset)
            return _PROCESS.take(CONVERTED).read_bytes()

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """The scores, float32 [n, outputs], of a prepared batch. Raises ExportError."""
        with _PROCESS.lock:
            place = _PROCESS.take(IMAGES)
            with telling_what_is_full(place.parent.parent, place.parent):
                np.save(place, batch)
            _PROCESS.ask("run", self.path, key=self.key, **asdict(self.wanted))
            scores: NDArray[np.float32] = np.load(_PROCESS.take(SCORES), allow_pickle=False)
        return scores

    def scores(self, images: NDArray[Any], spec: InputSpec) -> NDArray[np.float32]:
        """The scores, float32 [n, outputs], of images as `spec` takes them, in chunks. Raises as `run` does."""
        return in_chunks(lambda chunk: self.run(spec.prepare(chunk)), images)


def open_isolated(path: Path, wanted: Selection = USUAL) -> IsolatedModel:
    """Inspect a `.keras`, `.h5` or SavedModel, load it in its process, and run it there on a few images.

    Raises UsageError if it does not have the signature or the output that is `wanted`, MissingDependencyError,
    ModelError for a damaged or unsafe file, and ExportError for a model that is not an image classifier, or that takes
    too long or too much memory.
    """
    if find_spec("tensorflow") is None:
        raise MissingDependencyError("tensorflow", "train", PURPOSE)
    key = _key(path)
    with _PROCESS.lock:
        _PROCESS.ask("check", path)
        found = _PROCESS.ask("describe", path, key=key, **asdict(wanted))
    shape, trial_shape = tuple(found["shape"]), tuple(found["trial_shape"])
    return IsolatedModel(
        path,
        key,
        shape,
        found["dtype"],
        trial_shape,
        found["outputs"],
        found["parameters"],
        wanted,
        Selection(**found["selection"]),
        found["trained"],
    )


def _key(path: Path) -> str:
    """Changes when a model's file does."""
    try:
        status = (path / "saved_model.pb" if path.is_dir() else path).stat()
    except OSError:
        return ""  # `check` says what is wrong
    return f"{path.resolve()} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


def check_isolated(path: Path) -> None:
    """Inspect a model as data, in the process and within its limits. Needs no TensorFlow.

    Raises ModelError for a damaged or unsafe file, and ExportError for one without a network, or that takes too long.
    """
    with _PROCESS.lock:
        _PROCESS.ask("check", path)


class _ModelProcess:
    """The process and its folder, which begin with the first request, and again after a failure."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._child: Child | None = None
        self._owner = 0
        self._folder = Path()
        self._open = ExitStack()

    def ask(self, command: str, path: Path, **arguments: Any) -> Any:
        """Ask about the model at a path. Raises the EdgecnnError of the answer, and ExportError for no answer."""
        child, resolved = self._started(), str(path.resolve())
        try:
            with telling_what_is_full(self._folder.parent, self._folder):
                return child.ask(command, SECONDS[command], path=resolved, **arguments)
        except EdgecnnError as error:
            error.args = (str(error).replace(resolved, str(path)),)  # as the user wrote it
            raise
        except ChildLateError:
            self.close()
            raise ExportError(
                f"{path} was not {DOING[command]} within {SECONDS[command]} seconds, and was stopped: "
                "try again while the machine is idle; if it lasts, the model may hold an endless loop"
            ) from None
        except ChildEndedError as error:
            self.close()
            cure = CURES.get(command, CURE)
            raise ExportError(f"{path} could not be {DOING[command]} ({error}): {cure}") from None
        except BaseException:  # Ctrl-C: its answer would be taken for the next one's
            self.close()
            raise

    def take(self, name: str) -> Path:
        """The path of a file in the process's folder."""
        self._started()
        return self._folder / name

    def close(self) -> None:
        """End the process, and delete its folder."""
        if self._owner == os.getpid():  # and not a fork of it
            self._open.close()
        self._child, self._owner = None, 0

    def _started(self) -> Child:
        if self._child is None or self._owner != os.getpid() or self._child.process.poll() is not None:
            self.close()
            self._open = ExitStack()
            self._folder = self._open.enter_context(scratch()).resolve()
            child = Child("edgecnn.exporting.model_server", folder=self._folder)
            self._child, self._owner = self._open.enter_context(child), os.getpid()
        return self._child


_PROCESS = _ModelProcess()
atexit.register(_PROCESS.close)
