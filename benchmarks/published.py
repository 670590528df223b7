"""Train every published recipe in full, export and quantize it, and record its score beside what its source claims.

    python benchmarks/published.py [RECIPE ...]

Each recipe runs through the commands that a user runs, in processes of its own, under build/published/. Results are
written after each one to benchmarks/results/published.json, the rest of the file being kept. All five take about half
an hour on two cores. Our own recipes have seeds.py.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import stored

from edgecnn.card import versions
from edgecnn.folder import ModelFolder
from edgecnn.recipes import RECIPES, Recipe

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "published.json"
WORK = ROOT / "build" / "published"
NAMES = tuple(name for name, recipe in RECIPES.items() if not recipe.ours)


def main(names: list[str]) -> None:
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        row = measure(RECIPES[name])
        store(row)
        print(f"{row['test']['value']:.2%} test, {row['seconds']:.0f} s", flush=True)


def measure(recipe: Recipe) -> dict[str, Any]:
    """Everything is read back from the card that the commands wrote; `int8` is None where float32 is what ships."""
    card = json.loads(make(recipe.name).card_path.read_text(encoding="utf-8"))
    small, full = card["exports"].get("model.int8.onnx"), card["exports"]["model.onnx"]
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
        "int8": small and {key: small[key] for key in ("accuracy", "bytes", "agreement", "quantization")},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),
        "versions": versions("edgecnn", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy"),
    }


def make(name: str) -> ModelFolder:
    """A recipe's model of seed 0, exported and quantized for this machine; trained only if it is not there yet."""
    folder = ModelFolder(WORK / name)
    if not folder.keras.exists():
        run("train", "--recipe", name, "--out", str(folder.path))
    run("export", str(folder.path), "--quantize")
    return folder


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "edgecnn", *arguments], check=True)


def store(row: dict[str, Any]) -> None:
    stored.replace_row(RESULTS, "recipes", row, ("recipe",), lambda item: list(RECIPES).index(item["recipe"]))


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stored.read(RESULTS)["recipes"]
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
