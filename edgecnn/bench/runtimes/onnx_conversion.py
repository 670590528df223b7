"""[onnx] Converts an ONNX file for ncnn and for MNN, in a process of its own that answers one request a file.

python -m edgecnn.processes.entry PARENT edgecnn.bench.runtimes.onnx_conversion FOLDER

Neither takes uint8 images, so what is converted begins with float32 pixels, and `INPUT` beside it says so.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgecnn.bench.runtimes.converted import EMPTY_PREFIX, INPUT, LAYERS, MNN_FILE, NCNN_FOLDER, WEIGHTS
from edgecnn.errors import ExportError, MissingDependencyError
from edgecnn.graph.graph import Graph, onnx_module
from edgecnn.graph.loading import load_model
from edgecnn.processes.entry import serve

PLAIN, EMPTY = "plain.onnx", "empty.onnx"  # the model with float32 pixels, and one with nothing to do
SECONDS = 300
# A network that returns its input, in ncnn's text format: a magic number, the number of layers and of values, and them.
EMPTY_NCNN = "7767517\n2 2\nInput in0 0 1 in0\nNoop out0 1 1 in0 out0\n"


class Conversion:
    """Converts one model into `folder`. Each public method is a command. Raises ExportError, ModelError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, model: str) -> None:
        """Write the model with float32 pixels for the converters, and what it then takes."""
        plain = load_model(Path(model))
        image = plain.graph.input[0].type.tensor_type
        sizes = [int(size.dim_value) for size in image.shape.dim[1:]]
        if not all(sizes):
            raise ExportError("a model of pictures of any size is not converted")
        (self.folder / INPUT).write_text(json.dumps({"shape": sizes, "pixels": _take_floats(plain)}))
        image.shape.dim[0].dim_value = 1
        onnx_module().save(plain, self.folder / PLAIN)

    def ncnn(self) -> None:
        """Write NCNN_FOLDER by pnnx, which is a program: its package would import PyTorch."""
        sizes = ",".join(map(str, [1, *json.loads((self.folder / INPUT).read_text())["shape"]]))
        for name in (NCNN_FOLDER, f"{EMPTY_PREFIX}{NCNN_FOLDER}"):
            (self.folder / name).mkdir()
        files = [f"ncnnparam={NCNN_FOLDER}/{LAYERS}", f"ncnnbin={NCNN_FOLDER}/{WEIGHTS}", "fp16=0"]
        self._run([str(_pnnx()), PLAIN, f"inputshape=[{sizes}]f32", *files])
        self._require(f"{NCNN_FOLDER}/{WEIGHTS}")
        empty = self.folder / f"{EMPTY_PREFIX}{NCNN_FOLDER}"
        (empty / LAYERS).write_text(EMPTY_NCNN)
        (empty / WEIGHTS).touch()

    def mnn(self) -> None:
        """Write MNN_FILE. Not by `MNN.tools`: importing it installs a package that reports to its makers."""
        onnx_module().save(_empty(), self.folder / EMPTY)
        for source, target in ((PLAIN, MNN_FILE), (EMPTY, f"{EMPTY_PREFIX}{MNN_FILE}")):
            told = ["-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "edgecnn"]
            self._run([sys.executable, "-P", "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)", *told])
            self._require(target)

    def _run(self, command: list[str]) -> None:
        """Run a converter, which may end by a signal where it does not know an operator."""
        subprocess.run(command, cwd=self.folder, stdout=sys.stderr, timeout=SECONDS, check=False)

    def _require(self, name: str) -> None:
        if not (self.folder / name).is_file():
            raise ExportError("its converter does not take this network")


def _take_floats(model: Any) -> bool:
    """Let a model of uint8 pixels take them as float32. Returns whether it took uint8."""
    types = onnx_module().TensorProto
    image = model.graph.input[0].type.tensor_type
    if image.elem_type != types.UINT8:
        return False
    graph = Graph(model)
    for node in graph.nodes:
        if node.op_type == "Cast" and graph.type_of(node.input[0]) == types.UINT8:
            graph.bypass(node, node.input[0])
    graph.write()
    image.elem_type = types.FLOAT
    return True


def _empty() -> Any:
    """A model with one Identity."""
    helper, types = onnx_module().helper, onnx_module().TensorProto
    values = [helper.make_tensor_value_info(name, types.FLOAT, [1, 1]) for name in ("image", "scores")]
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["scores"])], "empty", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _pnnx() -> Path:
    """The program in pnnx's package."""
    found = find_spec("pnnx")
    if found is None or not found.submodule_search_locations:
        raise MissingDependencyError("pnnx", "peers", "converting for ncnn")
    return Path(found.submodule_search_locations[0]) / "pnnx"


def main() -> None:
    serve(Conversion(Path(sys.argv[1])))
