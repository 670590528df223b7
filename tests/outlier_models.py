"""Shipped networks that tell outliers, whether or not the shipped files do yet."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import onnx

from edgecnn.data import load
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.outliers import Outliers, fit, limit_of


@cache
def fitted() -> Outliers:
    """What MNIST's training images look like; the limit is by the labels of its validation images."""
    data = load()
    known = fit(data.train.images, data.train.labels, 10)
    limit = known and limit_of(known, data.validation.images, data.validation.labels)
    assert known
    assert limit
    return replace(known, limit=limit)


def telling(path: Path, limit: float | None = None, name: str = "nano") -> Path:
    """A copy of a shipped network's float32 file that calls what is farther than `limit` an outlier."""
    known = fitted() if limit is None else replace(fitted(), limit=limit)
    model = onnx.load(SHIPPED_MODELS / name / "model.onnx")
    said = ModelMetadata.of({entry.key: entry.value for entry in model.metadata_props}, path)
    onnx.helper.set_model_props(model, replace(said, outliers=known).entries())
    path.write_bytes(model.SerializeToString())
    return path
