"""What a file that was converted from ONNX takes, and where it is: shared by its converter and its adapters."""

import json
from collections.abc import Callable
from pathlib import Path

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import Infer, Runner
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


def runner_of(contender: Contender, opened: Callable[[Path, int], Infer]) -> Runner:
    """The Runner of a converted model. `opened` opens a file with a number of threads."""
    empty = contender.file.with_name(f"{EMPTY_PREFIX}{contender.file.name}")
    infer = opened(contender.file, contender.threads)
    return Runner(spec_of(contender).prepare, infer, lambda: opened(empty, contender.threads))
