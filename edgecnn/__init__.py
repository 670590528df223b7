"""Train a small CNN in TensorFlow, ship it as ONNX, and know what it costs on the device it runs on.

The public names are the stages as functions, and their records. Importing this package imports no heavy package: each
name is imported when it is first used (PEP 562).
"""

import os

TYPE_CHECKING = False  # as in typing, which takes long to import: a signal meanwhile would end in a traceback
if TYPE_CHECKING:
    from typing import Any

    from edgecnn.bench.figures import summarize
    from edgecnn.bench.measure import measure
    from edgecnn.bench.results import Plan
    from edgecnn.bundling import bundle
    from edgecnn.card import Card
    from edgecnn.data import Dataset, load
    from edgecnn.errors import EdgecnnError
    from edgecnn.exporting.export import export
    from edgecnn.folder import ModelFolder
    from edgecnn.info import inspect
    from edgecnn.installing import install
    from edgecnn.quantizing.quantize import quantize
    from edgecnn.quantizing.result import QuantizationResult
    from edgecnn.recipes import RECIPES, Recipe, find_recipe
    from edgecnn.runtime.classifier import Classifier, Prediction
    from edgecnn.runtime.settings import Settings
    from edgecnn.training.train import train
    from edgecnn.tuning import tune

# Set before anything imports onnxruntime. Without it, onnxruntime 1.32 and later store a device id and a database of
# events in the user's home folder, and contact their vendor's host. Child processes inherit the setting.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# With it, onnxruntime takes the settings of a session from the model file in place of ours, and some write files.
os.environ.pop("ORT_LOAD_CONFIG_FROM_MODEL", None)

_HOME = {
    "RECIPES": "edgecnn.recipes",
    "Card": "edgecnn.card",
    "Classifier": "edgecnn.runtime.classifier",
    "Dataset": "edgecnn.data",
    "EdgecnnError": "edgecnn.errors",
    "ModelFolder": "edgecnn.folder",
    "Plan": "edgecnn.bench.results",
    "Prediction": "edgecnn.runtime.classifier",
    "QuantizationResult": "edgecnn.quantizing.result",
    "Recipe": "edgecnn.recipes",
    "Settings": "edgecnn.runtime.settings",
    "bundle": "edgecnn.bundling",
    "export": "edgecnn.exporting.export",
    "find_recipe": "edgecnn.recipes",
    "inspect": "edgecnn.info",
    "install": "edgecnn.installing",
    "load": "edgecnn.data",
    "measure": "edgecnn.bench.measure",
    "quantize": "edgecnn.quantizing.quantize",
    "summarize": "edgecnn.bench.figures",
    "train": "edgecnn.training.train",
    "tune": "edgecnn.tuning",
}

__all__ = [
    "RECIPES",
    "Card",
    "Classifier",
    "Dataset",
    "EdgecnnError",
    "ModelFolder",
    "Plan",
    "Prediction",
    "QuantizationResult",
    "Recipe",
    "Settings",
    "bundle",
    "export",
    "find_recipe",
    "inspect",
    "install",
    "load",
    "measure",
    "quantize",
    "summarize",
    "train",
    "tune",
]


def __getattr__(name: str) -> "Any":
    if name not in _HOME:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
