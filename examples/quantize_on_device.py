"""Find the fastest int8 form of an ONNX model on this very device: python quantize_on_device.py MODEL DIR [DATA]

MODEL is a float32 ONNX file. DATA holds images like those it was trained with; without it, edgecnn uses the data that
the file names. DIR gets the file to use: model.int8.onnx, or model.onnx where int8 is not measured to be faster here.
Needs the onnx package (pip install 'edgecnn[quantize]') and no TensorFlow, so it runs on a Raspberry Pi.
"""

import sys
from pathlib import Path

import edgecnn


def main(model: str, directory: str, data: str | None = None) -> None:
    result = edgecnn.quantize(model, out=Path(directory), data=data)
    for trial in result.trials:
        if trial.timing:
            speedup = trial.timing.speedup.value
            print(f"{trial.candidate.name}: {speedup:.2f} times as fast, {trial.drop:+.2f} points of accuracy lost")
    print(f"{result.path} is the file to use: {result.reason}")
    print(f"test accuracy {result.after}, float32 {result.before}")


if __name__ == "__main__":
    main(*sys.argv[1:])
