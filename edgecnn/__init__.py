"""Train a small CNN in TensorFlow, ship it as ONNX, and know what it costs on the device it runs on.

The stages as functions; importing this package imports none of them, and no heavy package, until a name is used
(PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecnn.bench.figures import summarise
    from edgecnn.bench.measure import measure
    from edgecnn.bench.results import Plan
    from edgecnn.data import Dataset, load
    from edgecnn.errors import EdgecnnError
    from edgecnn.exporting.stage import export
    from edgecnn.folder import Card, ModelFolder
    from edgecnn.info import inspect
    from edgecnn.quantizing.report import QuantizationReport
    from edgecnn.quantizing.stage import quantize
    from edgecnn.recipes import RECIPES, Recipe, find_recipe
    from edgecnn.runtime import Classifier, Prediction
    from edgecnn.settings import Settings
    from edgecnn.training.fit import train

_HOME = {
    "RECIPES": "edgecnn.recipes",
    "Card": "edgecnn.folder",
    "Classifier": "edgecnn.runtime",
    "Dataset": "edgecnn.data",
    "EdgecnnError": "edgecnn.errors",
    "ModelFolder": "edgecnn.folder",
    "Plan": "edgecnn.bench.results",
    "Prediction": "edgecnn.runtime",
    "QuantizationReport": "edgecnn.quantizing.report",
    "Recipe": "edgecnn.recipes",
    "Settings": "edgecnn.settings",
    "export": "edgecnn.exporting.stage",
    "find_recipe": "edgecnn.recipes",
    "inspect": "edgecnn.info",
    "load": "edgecnn.data",
    "measure": "edgecnn.bench.measure",
    "quantize": "edgecnn.quantizing.stage",
    "summarise": "edgecnn.bench.figures",
    "train": "edgecnn.training.fit",
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
    "QuantizationReport",
    "Recipe",
    "Settings",
    "export",
    "find_recipe",
    "inspect",
    "load",
    "measure",
    "quantize",
    "summarise",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
