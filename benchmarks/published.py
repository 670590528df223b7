"""Train every recipe in full, export and quantise it, and record what it scored beside what its source claims.

    python benchmarks/published.py [RECIPE ...]

Each recipe runs through the commands that a user runs, in processes of its own, under build/published/. Results are
written after each one to benchmarks/results/published.json, the rest of the file being kept. All six take about half an
hour on two cores.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from edgecnn.folder import ModelFolder, atomic, versions
from edgecnn.recipes import RECIPES, Recipe

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "published.json"
WORK = ROOT / "build" / "published"


def main(names: list[str]) -> None:
    for name in names or list(RECIPES):
        print(f"== {name}", flush=True)
        row = measure(RECIPES[name])
        store(row)
        print(f"{row['test']['value']:.2%} test, {row['seconds']:.0f} s, int8 {row['int8']['accuracy']['value']:.2%}")


def measure(recipe: Recipe) -> dict[str, Any]:
    """Train with seed 0, export, quantise; everything is read back from the card that the commands wrote."""
    folder = WORK / recipe.name
    run("train", "--recipe", recipe.name, "--out", str(folder))
    run("export", str(folder), "--quantize")
    card = json.loads(ModelFolder(folder).card_path.read_text(encoding="utf-8"))
    small, full = card["exports"]["model.int8.onnx"], card["exports"]["model.onnx"]
    return {
        "recipe": recipe.name,
        "published": [{"accuracy": item.accuracy, "source": item.source} for item in recipe.published],
        "parameters": card["parameters"],
        "epochs": card["training"]["epochs"],
        "seed": card["training"]["seed"],
        "seconds": card["training"]["seconds"],
        "validation": card["validation"],
        "test": card["test"],
        "float32": {key: full[key] for key in ("accuracy", "bytes", "max_difference", "agreement")},
        "int8": {key: small[key] for key in ("accuracy", "bytes", "agreement", "quantization")},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),
        "versions": versions("edgecnn", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy"),
    }


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "edgecnn", *arguments], check=True)


def store(row: dict[str, Any]) -> None:
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["recipes"] if RESULTS.exists() else []
    rows = [row, *(old for old in rows if old["recipe"] != row["recipe"])]
    order = list(RECIPES)
    rows.sort(key=lambda item: order.index(item["recipe"]))
    with atomic(RESULTS) as path:
        path.write_text(json.dumps({"recipes": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
