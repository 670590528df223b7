"""Damaged ONNX files: whatever opens one raises an EdgecnnError, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from fuzz.messages import mutate_message
from fuzz.mutation import BYTES, mutate

from edgecnn.errors import EdgecnnError
from edgecnn.graph.convolutions import judged_convolutions
from edgecnn.graph.coverage import coverage
from edgecnn.graph.describe import describe
from edgecnn.graph.loading import load_model, telling_of_damage
from edgecnn.info import inspect
from edgecnn.quantizing.float32_model import load_source
from edgecnn.runtime import arithmetic
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import ModelMetadata, read_metadata

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "models/nano/model.onnx", ROOT / "models/nano/model.int8.onnx", ROOT / "tests/models/tiny.onnx"]


def without_metadata(path: Path) -> bytes:
    """A model that says nothing of itself, so that its readers have to look at the graph."""
    model = onnx.load(path)
    del model.metadata_props[:]
    return bytes(model.SerializeToString())


SEEDS = [path.read_bytes() for path in FILES] + [without_metadata(path) for path in FILES]


def classify(path: Path) -> None:
    classifier = Classifier(path, threads=1)
    height, width, color = classifier.input.image_size
    images = np.full((2, height, width, 3) if color else (2, height, width), 7, np.uint8)
    for row in classifier.classify(images, top=3):
        assert all(0 <= abs(guess.probability) < np.inf for guess in row)


def describe_alone(path: Path) -> None:
    model = load_model(path)
    with telling_of_damage(path):
        describe(model)


READERS: tuple[Callable[[Path], object], ...] = (
    classify,
    read_metadata,
    arithmetic.needs_exact_products,
    lambda path: arithmetic.notes(path, ModelMetadata()),
    lambda path: inspect(path, fast_paths=True),
    describe_alone,
    judged_convolutions,
    coverage,
    load_source,
)


def mutant(seed: int) -> bytes:
    """A damaged model: most in the structure, once or more, the others in any of their bytes."""
    random = Random(seed)
    content = random.choice(SEEDS)
    if random.random() < 0.2:
        return mutate(content, BYTES, random)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        content = mutate_message(content, random)
    return content


def read(path: Path) -> list[str]:
    """Give the file to each reader; the errors."""
    errors = []
    for reader in READERS:
        try:
            reader(path)
        except EdgecnnError as error:
            errors.append(str(error))
    return errors


@pytest.mark.parametrize("seeds", [range(at, at + 50) for at in range(0, 300, 50)], ids=str)
def test_a_damaged_file_is_one_line_of_error_or_read(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        path = tmp_path / f"{seed}.onnx"
        path.write_bytes(mutant(seed))
        assert not any("\n" in error for error in read(path))
        path.unlink()
