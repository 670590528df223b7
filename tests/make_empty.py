"""Makes edgecnn/bench/empty.onnx, the floor of every latency: python tests/make_empty.py

One Identity on uint8 [batch, 1]: what a runtime costs when there is nothing to compute.
"""

from typing import Any

import odd_models as odd
from onnx import helper

from edgecnn.bench.runtimes.runner import EMPTY


def make() -> Any:
    """The model, a ModelProto."""
    return odd.model_of(
        [helper.make_node("Identity", ["image"], ["nothing"])],
        [odd.value("image", "uint8", ["batch", 1])],
        [odd.value("nothing", "uint8", ["batch", 1])],
        {},
    )


if __name__ == "__main__":
    odd.save(make(), EMPTY)
