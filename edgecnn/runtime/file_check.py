"""Refuses an ONNX file that no library should open: damaged, or with anything but plain weights and ONNX's operators.

The libraries that read ONNX files follow references to other files and to addresses in memory, and had out-of-bounds
reads in what few models use (CVE-2026-27489, CVE-2026-34446, CVE-2026-34447; onnxruntime issues 19681 and 28617). So
this reader goes through a file first. It reads neither weights nor other files.
"""

from os import fstat
from pathlib import Path
from typing import BinaryIO

from edgecnn.errors import ModelError
from edgecnn.files import open_regular
from edgecnn.runtime.protobuf import FOUND, NUMBER, TEXT, TOLD, Schema, walk

# The messages of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto with the fields that are texts, that hold
# other messages or that can be refused. Numbers, bytes and weights are skipped.
SCHEMA: Schema = {
    "model": {2: TEXT, 3: TEXT, 4: TEXT, 6: TEXT, 7: "graph", 8: "opset", 14: "entry", 20: FOUND, 25: FOUND},
    "opset": {1: TOLD},
    "entry": {1: TEXT, 2: TEXT},
    "graph": {
        **{1: "node", 2: TEXT, 5: "tensor", 10: TEXT, 11: "value", 12: "value", 13: "value"},
        **{14: "annotation", 15: FOUND, 16: "entry"},
    },
    "node": {1: TEXT, 2: TEXT, 3: TEXT, 4: TOLD, 5: "attribute", 6: TEXT, 7: TOLD, 8: TEXT, 9: "entry"},
    "attribute": {
        **{1: TEXT, 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 13: TEXT, 14: "type", 15: "type"},
        **{21: TEXT, 22: FOUND, 23: FOUND},
    },
    "tensor": {8: TEXT, 12: TEXT, 13: FOUND, 14: NUMBER, 16: "entry"},
    "annotation": {1: TEXT, 2: "entry"},
    "value": {1: TEXT, 2: "type", 3: TEXT, 4: "entry"},
    "type": {1: "array", 4: "sequence", 5: "map", 6: TEXT, 8: "array", 9: "sequence"},
    "array": {2: "shape"},
    "shape": {1: "dimension"},
    "dimension": {2: TEXT, 3: TEXT},
    "sequence": {1: "type"},
    "map": {2: "type"},
}
OUTSIDE = "its weights are in another place than the file: save it as one file, with all weights in it"
SPARSE = "it has sparse tensors: save it with dense ones"
REFUSED = {
    ("tensor", 13): OUTSIDE,
    ("graph", 15): SPARSE,
    ("attribute", 22): SPARSE,
    ("attribute", 23): SPARSE,
    ("model", 20): "it holds a training graph: export it for inference",
    # A few nested functions can stand for billions of nodes.
    ("model", 25): "it defines functions: inline them with onnx.inliner.inline_local_functions",
}
DATA_LOCATION, OP_TYPE, NODE_DOMAIN, OPSET_DOMAIN = ("tensor", 14), ("node", 4), ("node", 7), ("opset", 1)
# ONNX's own operators for neural networks. Those of "ai.onnx.ml" (trees, support vector machines, tables of words) are
# ONNX's too. No image classifier needs them, and their kernels had many out-of-bounds reads.
OPERATORS = ("", "ai.onnx")
# Sets of operators that converters name in each file. They do nothing if no node uses them.
NAMED_ONLY = (
    *("ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.experimental"),
    *("com.microsoft.nchwc", "com.ms.internal.nhwc", "org.pytorch.aten", "pkg.onnxscript.torch_lib"),
    *("pkg.onnxscript.torch_lib.common", "pkg.torch"),
)
AGAIN = "copy or export it again"


def check_file(path: Path) -> None:
    """Go through an ONNX file, and refuse it if a library should not open it.

    Raises ModelError for a file that cannot be read, is not an ONNX file, is damaged, keeps weights elsewhere, has
    sparse tensors, functions or a training graph, or uses other operators than ONNX's own.
    """
    try:
        with open_regular(path) as file:
            reason = _reason(file, fstat(file.fileno()).st_size)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise ModelError(f"{path} cannot be opened: it has a name that is not UTF-8 text; {AGAIN}") from None
    except ValueError as error:
        raise ModelError(f"{path} cannot be opened: it is truncated or not an ONNX file ({error}); {AGAIN}") from None
    if reason:
        raise ModelError(f"{path} is refused: {reason}")


def _reason(file: BinaryIO, size: int) -> str | None:
    """Why the file is refused, or None. Raises ValueError for a damaged file."""
    if file.read(8)[4:] == b"ORTM":
        return "it is in onnxruntime's own format: give the .onnx file it was made from"
    operator = ""
    for kind, number, value in walk(file, size, SCHEMA, "model"):
        place = (kind, number)
        if place == OP_TYPE:
            operator = str(value)
        elif place in REFUSED or (place == DATA_LOCATION and value):
            return REFUSED.get(place, OUTSIDE)
        elif place == NODE_DOMAIN and value not in OPERATORS:
            name = f"{value}.{operator}"
            return f"it uses the operator {name!r}, and only ONNX's own operators are run: export it without"
        elif place == OPSET_DOMAIN and value not in OPERATORS + NAMED_ONLY:
            return f"it asks for the operators of {value!r}, and only ONNX's own operators are run: export it without"
    return None
