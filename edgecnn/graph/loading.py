"""[onnx] Loads an ONNX file from outside: checked first, and with one clear error for whatever is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgecnn.errors import EdgecnnError, ModelError
from edgecnn.graph.graph import onnx_module
from edgecnn.runtime.file_check import check_file


def load_model(path: Path) -> Any:
    """The ModelProto of a file that `check_file` accepts. Raises ModelError and MissingDependencyError."""
    onnx = onnx_module()
    check_file(path)
    with telling_of_damage(path):
        return onnx.load(path, load_external_data=False)


@contextmanager
def telling_of_damage(path: Path) -> Iterator[None]:
    """Raise ModelError where the graph in a file breaks the rules of ONNX that its reader relies on.

    What onnxruntime can open may still be such a graph: of a part that no output needs, it checks little.
    """
    try:
        yield
    except EdgecnnError:
        raise
    except Exception as error:  # onnx raises many types, and a missing input is an IndexError
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{path} has a graph that cannot be read ({reason}): export it again") from error
