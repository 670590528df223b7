"""[TensorFlow] The process that runs models from outside, within limits; `edgecnn.exporting.isolated` asks it.

Images and results lie in its working folder, which holds nothing else.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from edgecnn.errors import EdgecnnError, ExportError
from edgecnn.exporting import limits
from edgecnn.exporting.opening import PURPOSE, first_line
from edgecnn.exporting.original import Original, inspect, load, tried
from edgecnn.processes.entry import serve
from edgecnn.selection import USUAL, Selection
from edgecnn.training.backend import keras, tensorflow

IMAGES, SCORES, CONVERTED = "images.npy", "scores.npy", "model.onnx"


@dataclass
class ModelServer:
    """Holds one model. Each public method is a command; `key` names the model, so that it is loaded only once.

    `signature` and `output` are what is wanted of it, as in Selection.
    """

    key: str = ""
    wanted: Selection = USUAL
    original: Original | None = None

    def check(self, path: str) -> None:
        """Inspect a model as data. This needs no TensorFlow, so a refusal comes soon."""
        with limits.processor_time(Path(path)):
            inspect(Path(path))

    def describe(self, key: str, path: str, signature: str, output: str) -> dict[str, Any]:
        """Load a model and run it on a few images. Returns what it takes and returns."""
        original = self._loaded(key, Path(path), Selection(signature, output))
        return {
            "shape": original.input.shape,
            "dtype": original.input.dtype,
            "trial_shape": original.trial_shape,
            "outputs": original.outputs,
            "parameters": original.parameters,
            "selection": asdict(original.selection),
            "trained": original.trained,
        }

    def run(self, key: str, path: str, signature: str, output: str) -> None:
        """Run the model on a prepared batch, IMAGES. Writes its scores, float32 [n, outputs], as SCORES."""
        original = self._loaded(key, Path(path), Selection(signature, output))
        with _bounded(limits.RUNNING, original.path):
            scores = np.asarray(original.forward(np.load(IMAGES, allow_pickle=False)), np.float32)
        with limits.writing():
            np.save(SCORES, scores)

    def convert(self, key: str, path: str, signature: str, output: str, opset: int) -> None:
        """Convert the model. Writes the ONNX file CONVERTED."""
        from edgecnn.exporting.conversion import convert

        original = self._loaded(key, Path(path), Selection(signature, output))
        with _bounded(limits.RUNNING, original.path):
            content = convert(original, opset).SerializeToString()
        with limits.writing():
            Path(CONVERTED).write_bytes(content)

    def _loaded(self, key: str, path: Path, wanted: Selection) -> Original:
        if self.original is None or (self.key, self.wanted) != (key, wanted):
            self.original = None  # before the next one takes memory
            _warm_up()
            with _bounded(limits.LOADING, path):
                loaded = load(path, wanted)
            with _bounded(limits.RUNNING, path):
                self.original = tried(path, loaded)
            self.key, self.wanted = key, wanted
        return self.original


def _warm_up() -> None:
    """Let TensorFlow take what it needs itself, so that a limit counts only what the model takes."""
    keras(PURPOSE)
    tf = tensorflow(PURPOSE)
    tf.function(tf.nn.relu, input_signature=[tf.TensorSpec((None, 1))], autograph=False)(tf.zeros((4, 1)))


@contextmanager
def _bounded(kind: tuple[int, int], path: Path) -> Iterator[None]:
    """Limit the memory. End the process where it is exceeded: TensorFlow crashes later if it is asked again."""
    tf = tensorflow(PURPOSE)
    try:
        with limits.memory(kind, path):
            yield
    except (MemoryError, tf.errors.ResourceExhaustedError):
        _end(f"it needs more memory than a model of this size should ({limits.bound(kind, path) >> 20:,} MB)")
    except EdgecnnError:
        raise
    except Exception as error:  # TensorFlow raises a dozen unrelated types
        raise ExportError(f"{path} cannot be run by TensorFlow ({first_line(error)}): try it in Keras") from error


def _end(last_words: str) -> NoReturn:
    os.write(2, f"{last_words}\n".encode())
    os._exit(1)


def main() -> None:
    """Answer requests until stdin ends."""
    limits.limit_files()
    serve(ModelServer())
