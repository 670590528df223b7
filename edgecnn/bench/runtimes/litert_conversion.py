"""[TensorFlow] Converts an original model for LiteRT, in a process of its own that answers one request a file.

python -m edgecnn.processes.entry PARENT edgecnn.bench.runtimes.litert_conversion FOLDER
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import EdgecnnError, ExportError
from edgecnn.exporting import original as originals
from edgecnn.preprocessing import from_plain
from edgecnn.processes.entry import serve
from edgecnn.selection import Selection
from edgecnn.training.backend import tensorflow

LONGEST = 300  # characters kept of TensorFlow's messages, whose later lines show its intermediate code


class Conversion:
    """Converts one model into `folder`, for any batch size. Each public method is a command.

    Raises ExportError in the place of TensorFlow's errors.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, original: str, signature: str = "", output: str = "") -> None:
        """Load what is wanted of the original, as in Selection."""
        with _told():
            self._tf = tensorflow("converting for LiteRT")
            self._loaded = originals.load(Path(original), Selection(signature, output))

    def float32(self) -> None:
        """Write `float32.tflite`."""
        with _told():
            _write(self._tf, self._loaded.call, self._loaded.signature, self.folder / "float32.tflite")

    def int8(self, preprocessing: dict[str, Any], calibration: str) -> None:
        """Write `int8.tflite`.

        `preprocessing` is a Preprocessing as plain values, for a float model. `calibration` is a .npy file of uint8
        images [n, height, width] or [n, height, width, 3].
        """
        with _told():
            images = self._loaded.input(from_plain(preprocessing)).prepare(np.load(calibration))
            _write(self._tf, self._loaded.call, self._loaded.signature, self.folder / "int8.tflite", images)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except EdgecnnError:
        raise
    except Exception as error:  # TensorFlow raises a dozen unrelated types
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ExportError(first[:LONGEST]) from error


def _write(tf: Any, call: Any, signature: Any, path: Path, calibration: Any = None) -> None:
    function = tf.function(call, input_signature=[signature], autograph=False).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if calibration is not None:

        def one_by_one() -> Iterator[list[Any]]:
            for image in calibration:
                yield [image[None]]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = one_by_one
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path.write_bytes(converter.convert())


def main() -> None:
    serve(Conversion(Path(sys.argv[1])))
