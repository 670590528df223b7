"""The folders that the programs read and write."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
IMAGES = ROOT / "docs" / "images"
BUILD = ROOT / "build"
TRAINED = BUILD / "trained"  # recipes, trained with `edgecnn train` and seed 0
