"""A graph is made to return the probabilities that its scores stand for."""

from typing import Any

import numpy as np
import odd_models as odd
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from edgecnn.graph.outputs import return_probabilities
from edgecnn.runtime.scores import SCORES, Scores, to_probabilities


def passing(outputs: int, name: str) -> Any:
    """A model that returns its input."""
    nodes = [helper.make_node("Identity", ["image"], [name])]
    taken, returned = (odd.value(each, "float32", ["batch", outputs]) for each in ("image", name))
    return odd.model_of(nodes, [taken], [returned], {})


def run(model: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers: NDArray[np.float32] = session.run(["probabilities"], {"image": values})[0]
    return answers


@pytest.mark.parametrize("name", ["scores", "probabilities", "single", "one", "hundred"])
@pytest.mark.parametrize("scores", SCORES)
def test_a_graph_returns_the_probabilities_that_its_scores_stand_for(scores: Scores, name: str) -> None:
    values = np.random.default_rng(0).random((5, 1 if scores.startswith("one") else 4), np.float32)
    model = passing(values.shape[1], name)
    return_probabilities(model, scores)
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(run(model, values), to_probabilities(values, scores), rtol=1e-5)
    assert [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim][1] == max(values.shape[1], 2)
