"""Train the reference recipes, and compare them with what their sources state: [RECIPE ...]

Trains each recipe in full, exports and quantizes it, with the commands that a user runs, under build/trained/. Its row
in benchmarks/results/reference_recipes.json is written before the next recipe starts; other rows are kept. All five
recipes take about half an hour on two cores. For our own recipes, use the program `seeds`.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, replace_row
from edgecnn.card import versions
from edgecnn.folder import ModelFolder
from edgecnn.recipes import RECIPES, Recipe

RESULTS = paths.RESULTS / "reference_recipes.json"
NAMES = tuple(name for name, recipe in RECIPES.items() if not recipe.ours)
HEADINGS = ("recipe", "accuracy in its source", "test accuracy here (95 %)", "int8", "training", "parameters")


def main(names: Sequence[str]) -> None:
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        row = measure(RECIPES[name])
        store(row)
        print(f"{row['test']['value']:.2%} test, {row['seconds']:.0f} s", flush=True)


def measure(recipe: Recipe) -> dict[str, Any]:
    """The recipe's row, read from the card that the commands wrote; `int8` is None if float32 was kept."""
    card = json.loads(make(recipe.name).card_path.read_text(encoding="utf-8"))
    small, full = card["exports"].get("model.int8.onnx"), card["exports"]["model.onnx"]
    return {
        "recipe": recipe.name,
        "published": [{"accuracy": item.accuracy, "citation": item.citation} for item in recipe.published],
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
    """Make a recipe's model with seed 0, exported and quantized for this machine. It is trained only if missing.

    One of ours is trained as it ships, with `--long`.
    """
    folder = ModelFolder(paths.TRAINED / name)
    if not folder.keras.exists():
        length = ("--long",) if RECIPES[name].ours else ()
        run("train", "--recipe", name, *length, "--out", str(folder.path))
    run("export", str(folder.path), "--quantize")
    return folder


def run(*arguments: str) -> None:
    """Run an edgecnn command, as a user would."""
    subprocess.run([sys.executable, "-m", "edgecnn", *arguments], check=True)


def store(row: dict[str, Any]) -> None:
    replace_row(RESULTS, "recipes", row, ("recipe",), lambda item: list(RECIPES).index(item["recipe"]))


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_result(RESULTS)["recipes"]
    return found


def table() -> str:
    """What the sources state and what the recipes reached here, as a Markdown table."""
    return markdown.table(HEADINGS, map(_cells, rows()), words=3)


def _cells(row: dict[str, Any]) -> list[str]:
    claims = "<br>".join(f"{item['accuracy']:.2%}, {item['citation']}" for item in row["published"])
    low, high = row["test"]["interval"]
    return [
        f"`{row['recipe']}`",
        claims or "none stated",
        f"{row['test']['value']:.2%} ({100 * low:.2f}–{100 * high:.2f})",
        f"{row['int8']['accuracy']['value']:.2%}" if row["int8"] else "float32 kept",
        f"{row['seconds']:.0f} s",
        f"{row['parameters']:,}",
    ]
