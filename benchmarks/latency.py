"""Bench recipes that published.py has trained, and keep the raw samples: python benchmarks/latency.py [RECIPE ...]

Writes benchmarks/results/latency-<recipe>.json and, as the README shows it, .md. A recipe that is not yet under
build/published/ is trained first.
"""

import os
import sys

import published

from edgecnn import measure
from edgecnn.bench import report
from edgecnn.folder import ModelFolder, atomic
from edgecnn.recipes import RECIPES

DURATION = 5.0  # seconds a contender: enough for a p99 of the slowest


def main(names: list[str]) -> None:
    os.chdir(published.ROOT)  # so that the results name the models by paths that mean something elsewhere
    for name in names or ["edge", "adventures"]:
        folder = ModelFolder(published.WORK.relative_to(published.ROOT) / name)
        if not folder.onnx("int8").exists():
            published.store(published.measure(RECIPES[name]))
        bench = measure([folder.path], duration=DURATION)
        for suffix, text in ((".json", report.to_json(bench)), (".md", report.markdown(bench))):
            with atomic(published.RESULTS.with_name(f"latency-{name}{suffix}")) as path:
                path.write_text(text, encoding="utf-8")
        print(f"== {name}\n{report.markdown(bench)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
