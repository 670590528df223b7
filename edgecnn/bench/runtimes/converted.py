"""What a file that was converted from ONNX takes, and where it is: shared by its converter and its adapters."""

import json
from pathlib import Path

from edgecnn.bench.contenders import Contender
from edgecnn.preprocessing import NAMED
from edgecnn.runtime.input_spec import InputSpec

NCNN_FOLDER, MNN_FILE = "model.ncnn", "model.mnn"
LAYERS, WEIGHTS = "param", "bin"  # ncnn's two files
EMPTY_PREFIX = "empty."  # of the files that do nothing
INPUT = "input.json"  # beside the converted files


def spec_of(contender: Contender) -> InputSpec:
    """What the model takes; pixels as float32 if it took uint8."""
    told = json.loads(contender.file.with_name(INPUT).read_text())
    return InputSpec(tuple(told["shape"]), "float32", NAMED["0..255"] if told["pixels"] else contender.preprocessing)


def empty_of(contender: Contender) -> Path:
    return contender.file.with_name(f"{EMPTY_PREFIX}{contender.file.name}")
