"""A model that scales its pixels itself is told by its first operators."""

from pathlib import Path

import numpy as np
import odd_models as odd
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.preprocessing import NAMED
from edgecnn.runtime.first_operators import wanted_pixels

Step = tuple[str, object]
IMAGENET = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def saved(steps: list[Step], path: Path, *, as_nodes: bool = False) -> Path:
    """A model whose first operators are `steps`, each with its constant, and then a sum."""
    nodes, constants, tensor = [], {}, "image"
    for number, (operator, value) in enumerate(steps):
        made, name = f"step{number}", f"value{number}"
        array = np.asarray(value, np.float32)
        if operator in ("Cast", "Transpose"):
            extra = {"to": TensorProto.FLOAT} if operator == "Cast" else {"perm": [0, 3, 1, 2]}
            nodes.append(helper.make_node(operator, [tensor], [made], **extra))
        elif operator == "From":
            nodes.append(helper.make_node("Sub", [name, tensor], [made]))
        else:
            nodes.append(helper.make_node(operator, [tensor, name], [made]))
        if operator not in ("Cast", "Transpose"):
            if as_nodes:
                nodes.insert(0, helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
            else:
                constants[name] = array
        tensor = made
    nodes.append(helper.make_node("ReduceMean", [tensor], ["probabilities"], axes=[1, 2], keepdims=0))
    taken = odd.value("image", "float32", ["batch", 28, 28, 3])
    return odd.save(
        odd.model_of(nodes, [taken], [odd.value("probabilities", "float32", ["batch", 3])], constants), path
    )


@pytest.mark.parametrize("as_nodes", [False, True])
@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("Mul", 1 / 255)], "0..255"),
        ([("Div", 255.0)], "0..255"),
        ([("Cast", 0), ("Div", 127.5), ("Sub", 1.0)], "0..255"),
        ([("Transpose", 0), ("Sub", 127.5), ("Mul", 1 / 127.5)], "0..255"),
        ([("Sub", [33.3]), ("Div", [78.6])], "0..255"),
        ([("Mul", 1 / 255), ("Sub", IMAGENET[0]), ("Div", IMAGENET[1])], "0..255"),
        ([("Mul", 2.0), ("Sub", 1.0)], "0..1"),
        ([("Sub", IMAGENET[0]), ("Div", IMAGENET[1])], "0..1"),
        ([("From", 1.0)], "0..1"),
        ([("Mul", -1 / 255), ("Add", 1.0)], "0..255"),
        ([], None),
        ([("Cast", 0)], None),
        ([("Mul", 1e-9)], None),
        ([("Mul", np.ones((28, 28, 1)))], None),
    ],
)
def test_what_a_model_wants_follows_from_what_it_does(
    steps: list[Step], expected: str | None, as_nodes: bool, tmp_path: Path
) -> None:
    found = wanted_pixels(saved(steps, tmp_path / "model.onnx", as_nodes=as_nodes), "image")
    assert found == (NAMED[expected] if expected else None)


def test_a_damaged_file_says_nothing(tmp_path: Path) -> None:
    path = saved([("Mul", 1 / 255)], tmp_path / "model.onnx")
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert wanted_pixels(path, "image") in (None, NAMED["0..255"])
    assert wanted_pixels(tmp_path, "image") is None
