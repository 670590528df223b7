"""[TensorFlow] Converts an original model for LiteRT, in its own process.

python -m edgecnn.bench.runtimes.litert_conversion TASK
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.bench.runtimes.litert import EMPTY_LITERT
from edgecnn.exporting import original as originals
from edgecnn.training.backend import tensorflow


def convert(original: Path, scale: float, calibration: Path | None, folder: Path) -> None:
    """Write `float32.tflite`, `int8.tflite` and an empty model to `folder`, all for any batch size.

    `scale` is what a float model's pixels, 0 to 255, are multiplied by. `calibration` is a .npy file of uint8 images
    [n, height, width] or [n, height, width, 3]; without it, `int8.tflite` is not written. TensorFlow does the
    conversion, and its errors are raised unchanged.
    """
    tf = tensorflow("converting for LiteRT")
    loaded = originals.load(original)
    _write(tf, tf.identity, tf.TensorSpec((None, 1), tf.uint8), folder / EMPTY_LITERT)
    _write(tf, loaded.call, loaded.signature, folder / "float32.tflite")
    if calibration:
        images = loaded.input(scale).prepare(np.load(calibration))
        _write(tf, loaded.call, loaded.signature, folder / "int8.tflite", images)


def _write(tf: Any, call: Any, signature: Any, path: Path, calibration: Any = None) -> None:
    function = tf.function(call, input_signature=[signature]).get_concrete_function()
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
    """Convert the model that the first argument describes. The last line on stderr is the first line of the error."""
    task = json.loads(sys.argv[1])
    calibration = task["calibration"] and Path(task["calibration"])
    try:
        convert(Path(task["original"]), task["scale"], calibration, Path(task["folder"]))
    except Exception as error:  # the last lines of TensorFlow's message show its intermediate code
        raise SystemExit(str(error).strip().partition("\n")[0] or type(error).__name__) from error


if __name__ == "__main__":
    main()
