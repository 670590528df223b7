"""Instructions are counted alike in each process, and told as instructions."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.devices import counting, emulator, instructions

# Between the first two marks a thousand rounds of a loop, and two thousand between the last two.
LOOP = """\
from itertools import repeat
import os
def rounds(number):
    for _ in repeat(None, number):
        pass
for _ in range(20):  # until Python has adapted its bytecode
    rounds(1000)
os.getppid()
rounds(1000)
os.getppid()
rounds(2000)
os.getppid()
print(input())
"""


def row(file: str, a72: int, a76: int, chosen: str = "model.onnx") -> dict[str, Any]:
    counts = {"cortex-a72": a72, "cortex-a76": a76}
    cpus = {
        cpu: {"label": 7, "model": [count, count], "empty": [10, 10], "chosen": chosen} for cpu, count in counts.items()
    }
    return {"runtime": "onnxruntime", "variant": "float32", "file": file, "cpus": cpus}


@pytest.fixture
def network() -> dict[str, Any]:
    failed = {"runtime": "litert", "variant": "int8-compiled", "cpus": {}, "failure": "illegal instruction"}
    files = {"model.onnx": (2_000_000, 2_000_000), "model.int8.onnx": (1_000_000, 800_000)}
    files["model.int8.arm64.onnx"] = (1_500_000, 500_000)
    rows = [row(file, *counts) for file, counts in files.items()]
    return {"network": "nano", "host": "here", "versions": {"qemu": "7"}, "contenders": [*rows, failed]}


def test_what_2n_execute_more_than_n_is_n_inferences() -> None:
    assert instructions.per_inference([1000, 1000 + 7 + 10 * 50, 1000 + 7 + 10 * 50 + 7 + 20 * 50], 10) == 50


def test_counts_that_differ_end_the_program() -> None:
    once, again = ({"label": 7, "model": model, "empty": 10} for model in (1_000_000, 1_001_000))
    assert instructions.agreed("it", once, again)["model"] == [1_000_000, 1_001_000]
    with pytest.raises(SystemExit, match="1,000,000 and 1,010,000 instructions"):
        instructions.agreed("it", once, again | {"model": 1_010_000})


def test_the_table_compares_with_float32_and_with_what_the_rule_runs(network: dict[str, Any]) -> None:
    lines = instructions.table_of([network]).splitlines()
    assert lines[3] == "| `nano` | onnxruntime | `model.int8.onnx` | 1,000 | 0.50 | 800 | 0.40 |"
    assert lines[5] == "| `nano` | litert | int8-compiled | illegal instruction | – | illegal instruction | – |"
    a72, a76 = (next(line for line in lines if line.startswith(f"{cpu},")) for cpu in emulator.CPUS)
    assert "`nano` `model.int8.onnx`, where the rule runs `model.onnx` with 100% more" in a72
    assert "`nano` `model.int8.arm64.onnx`, where the rule runs `model.onnx` with 300% more" in a76


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.emulator
def test_two_processes_count_alike_and_twice_the_work_is_twice_the_count(tmp_path: Path) -> None:
    if not (emulator.ready() and counting.PEERS.exists()):
        pytest.skip("no qemu that counts: python -m benchmarks instructions prepares it")
    counting.prepare()
    (_, once), (done, again) = (counting.run("cortex-a72", ["-c", LOOP], tmp_path, "read", 300) for _ in range(2))
    assert done.stdout == "read\n"
    first, second = again[1] - again[0], again[2] - again[1]
    assert second == pytest.approx(2 * first, rel=0.02)
    assert [once[1] - once[0], once[2] - once[1]] == pytest.approx([first, second], rel=instructions.TOLERANCE)
