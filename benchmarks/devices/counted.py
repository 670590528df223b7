"""What runs on the emulated Raspberry Pi for `instructions`: warm inferences between calls that its qemu counts at.

python3 counted.py INFERENCES

Reads a list of contenders and the file of an image from stdin, as JSON. Prints a line of JSON for each contender; with
an ONNX file, it tells which file of its folder edgecnn runs there.
"""

import gc
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import Infer, import_runtime, open_runner
from edgecnn.runtime.variants import choose

WARM_UP = 5


class Marks:
    """Numbers the calls of getppid(), at which qemu notes how many instructions were executed."""

    def __init__(self) -> None:
        self.made = 0

    def mark(self) -> int:
        os.getppid()
        self.made += 1
        return self.made - 1

    def around(self, infer: Infer, query: NDArray[Any], inferences: int) -> list[int]:
        """Three marks: after a warm-up, after N inferences, and after 2N more."""
        _repeat(infer, query, WARM_UP)
        first = self.mark()
        _repeat(infer, query, inferences)
        second = self.mark()
        _repeat(infer, query, 2 * inferences)
        return [first, second, self.mark()]


def _repeat(infer: Infer, query: NDArray[Any], times: int) -> None:
    for _ in range(times):
        infer(query)


def count() -> None:
    task = json.load(sys.stdin)
    gc.disable()  # a collection in between would count
    for row in answers(task["contenders"], np.load(task["image"]), int(sys.argv[1])):
        print(json.dumps(row), flush=True)


def answers(contenders: list[dict[str, Any]], image: NDArray[np.uint8], inferences: int) -> Iterator[dict[str, Any]]:
    marks = Marks()
    for plain in contenders:
        contender = msgspec.convert(plain, Contender, dec_hook=lambda kind, value: kind(value))
        try:
            yield {"name": contender.name, **_answer(contender, image, inferences, marks)}
        except Exception as error:  # runtimes raise many types
            yield {"name": contender.name, "failure": str(error).strip().partition("\n")[0] or type(error).__name__}


def _answer(contender: Contender, image: NDArray[np.uint8], inferences: int, marks: Marks) -> dict[str, Any]:
    import_runtime(contender)
    runner = open_runner(contender)
    query = runner.prepare(image)
    label = int(runner.infer(query)[0].argmax())
    model = marks.around(runner.infer, query, inferences)
    empty = marks.around(runner.empty(), np.zeros((1, 1), np.uint8), inferences)
    chosen = {"chosen": choose(contender.file.parent).path.name} if contender.runtime == "onnxruntime" else {}
    return {"label": label, "model": model, "empty": empty, **chosen}


if __name__ == "__main__":
    count()
