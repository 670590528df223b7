"""Bench recipes that published.py has trained, and keep the raw samples: python benchmarks/latency.py [RECIPE ...]

Each recipe is benched REPEATS times, in new processes each time, because where a process's memory lies moves its times
by some per cent. Of these runs the one with the median ratio of TensorFlow to ONNX becomes
benchmarks/results/latency-<recipe>.json and, as the README shows it, .md; the p50s of every run go to
latency-runs.json. A recipe that is not yet under build/published/ is trained first.
"""

import json
import os
import sys
from typing import Any

import published

from edgecnn import measure
from edgecnn.bench import report
from edgecnn.bench.measure import Bench
from edgecnn.folder import ModelFolder, atomic
from edgecnn.recipes import RECIPES

DURATION = 2.0  # seconds a contender and run
REPEATS = 5
FUNCTION, FULL, SMALL = "TensorFlow tf.function", "onnxruntime float32", "onnxruntime int8"


def main(names: list[str]) -> None:
    os.chdir(published.ROOT)  # so that the results name the models by paths that mean something elsewhere
    for name in names or ["edge", "adventures"]:
        folder = ModelFolder(published.WORK.relative_to(published.ROOT) / name)
        if not folder.onnx("int8").exists():
            published.store(published.measure(RECIPES[name]))
        runs = [measure([folder.path], duration=DURATION) for _ in range(REPEATS)]
        runs.sort(key=lambda run: p50s(run)[FUNCTION] / p50s(run)[FULL])
        store(name, runs)


def p50s(bench: Bench) -> dict[str, float]:
    """Each contender's p50 in microseconds."""
    return {row.contender: row.latency.p50_us for row in report.rows(bench)}


def store(name: str, runs: list[Bench]) -> None:
    """Write the median run whole, and every run's p50s."""
    middle = runs[len(runs) // 2]
    everything = published.RESULTS.with_name("latency-runs.json")
    kept: dict[str, Any] = json.loads(everything.read_text(encoding="utf-8")) if everything.exists() else {}
    kept[name] = {"p50_us": [{key: round(value, 2) for key, value in p50s(run).items()} for run in runs]}
    texts = {
        f"latency-{name}.json": report.to_json(middle),
        f"latency-{name}.md": report.markdown(middle),
        everything.name: json.dumps(kept, indent=2) + "\n",
    }
    for file, text in texts.items():
        with atomic(published.RESULTS.with_name(file)) as path:
            path.write_text(text, encoding="utf-8")
    print(f"== {name}\n{report.markdown(middle)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
