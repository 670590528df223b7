"""The readers of bytes from outside, each with the files to damage for it: data sets, pictures, models and reports."""

import contextlib
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
from fuzz import seeds
from fuzz.archives import mutate_zip
from fuzz.messages import mutate_message
from fuzz.mutation import BYTES, HEADER, Mutator, mutate
from fuzz.pictures import FORMATS
from fuzz.seeds import Tree
from fuzz.tables import mutate_csv, mutate_gzip, mutate_idx
from fuzz.trees import mutate_json
from PIL import Image

from edgecnn.bench.compare import compare, require_comparable
from edgecnn.bench.reports import document
from edgecnn.cli import app
from edgecnn.data import load
from edgecnn.exporting import keras_file, saved_model
from edgecnn.exporting.isolated import check_isolated
from edgecnn.folder import ModelFolder
from edgecnn.info import inspect
from edgecnn.predict import classify_files
from edgecnn.quantizing.float32_model import load_source
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import read_metadata
from edgecnn.terminal import JOINERS, RAW
from edgecnn.training import checkpoint


@dataclass(frozen=True)
class Reader:
    """What reads a file, or the folder of several, and the well-formed ones to damage.

    `isolated` is what the commands do, where they read it in a process with limits of its own.
    """

    seeds: Callable[[], Sequence[Tree]]
    read: Callable[[Path], object]
    isolated: Callable[[Path], object] | None = None


SUITED: Mapping[str, Mutator] = {
    **FORMATS,
    **{".npz": mutate_zip, ".keras": mutate_zip, ".onnx": mutate_message, ".pb": mutate_message},
    **{".json": mutate_json, ".csv": mutate_csv, ".gz": mutate_gzip, "": mutate_idx},
}


def mutant(name: str, number: int) -> Tree:
    """The damaged files with that number for the reader of that name: always the same."""
    random = Random(f"{name} {number}")
    tree = dict(random.choice(_seeds(name)))
    file = random.choice(sorted(tree))
    if len(tree) > 1 and random.random() < 0.05:
        tree[random.choice(sorted(tree))] = tree[file]
        del tree[file]
    else:
        suited = SUITED.get(Path(file).suffix)
        tree[file] = mutate(tree[file], (suited,) * 20 + BYTES + HEADER if suited else BYTES + HEADER, random)
    return tree


@cache
def _seeds(name: str) -> Sequence[Tree]:
    return READERS[name].seeds()


def written(name: str, folder: Path, tree: Tree) -> Path:
    """Write the files into an empty folder. Returns the path that the reader is given."""
    for path, content in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder / next(iter(tree)) if len(_seeds(name)[0]) == 1 else folder


def _classify(path: Path) -> None:
    classifier = Classifier(path, threads=1)
    height, width, color = classifier.input.image_size
    images = np.full((2, height, width, 3) if color else (2, height, width), 7, np.uint8)
    for row in classifier.classify(images, top=3):
        assert all(np.isfinite(guess.probability) for guess in row), "a probability that is not a number"


@cache
def _tiny() -> Classifier:
    return Classifier(seeds.TINY, threads=1)


def _look_at(path: Path) -> None:
    for _, found in classify_files(_tiny(), [path]):
        if isinstance(found, Exception):
            raise found


def _card(folder: Path) -> None:
    model = ModelFolder(folder)
    if card := model.card():
        assert type(card).from_json(card.to_json()) == card, "the card written again is another one"
    for path in model.onnx_files():
        model.card_of(path)


def _compare(path: Path) -> None:
    earlier, now = document.read(path), seeds.earlier_bench()
    require_comparable(earlier, now.host, now.plan, force=True)
    compare(earlier, now)


class _Variable:
    """What a checkpoint is restored into, in the place of a variable of TensorFlow."""

    def __init__(self, value: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> None:
        self.value = value

    def __array__(
        self, dtype: object = None, copy: object = None
    ) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        return self.value

    def assign(self, value: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> None:
        assert value.shape == self.value.shape


def _resume(path: Path) -> None:
    checkpoint.load(ModelFolder(path.parent), seeds.run(), [_Variable(value) for value in seeds.VARIABLES])


def _metadata(path: Path) -> None:
    found = read_metadata(path)
    json.dumps(found.plain(), allow_nan=False).encode()
    Classifier(path, threads=1)


def _commands(path: Path) -> None:
    """`predict` and `info`, as text and as JSON: what reaches the terminal is lines of printable characters."""
    picture = path.with_name("seven.png")
    Image.fromarray(seeds.digits()[0][0]).save(picture)
    for arguments in (["predict", str(picture), "--model", str(path)], ["info", str(path)]):
        _require_printable(_printed(arguments))
        shown = _printed([*arguments, "--json"])
        _require_printable(shown)
        if shown:
            json.loads(shown)
    picture.unlink()


def _printed(arguments: list[str]) -> str:
    """What a command prints on stdout. Its stderr is one printable line."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
        app(arguments, prog_name="edgecnn")
    said, shown = (stream.buffer.getvalue().decode() for stream in (err, out))
    _require_printable(said)
    assert sys.stdout is not out
    return str(shown)


def _require_printable(text: str) -> None:
    assert is_visible(text.replace("\n", "").replace("\t", "")), f"a command prints {text[:200]!r}"


def is_visible(line: str) -> bool:
    """Whether none of its characters acts on a terminal. Bytes of names that are not UTF-8 pass as they are."""
    return all(c.isprintable() or c in JOINERS or ord(c) in RAW for c in line)


READERS: Mapping[str, Reader] = {
    "idx": Reader(seeds.idx_folders, load),
    "npz": Reader(seeds.npz_files, load),
    "csv": Reader(seeds.csv_files, load),
    "parquet": Reader(seeds.parquet_files, load),
    "image-folder": Reader(seeds.image_folders, load),
    **{
        suffix[1:]: Reader(partial(seeds.pictures, suffix), _look_at)
        for suffix in (".png", ".jpg", ".gif", ".webp", ".bmp", ".tif")
    },
    "onnx": Reader(seeds.onnx_files, _classify),
    "onnx-info": Reader(seeds.onnx_files, lambda path: inspect(path, fast_paths=True)),
    "onnx-quantize": Reader(seeds.onnx_files, load_source),
    "metadata": Reader(seeds.described_models, _metadata),
    "commands": Reader(seeds.described_models, _commands),
    "card": Reader(seeds.model_folders, _card),
    "compare": Reader(seeds.bench_files, _compare),
    "checkpoint": Reader(seeds.checkpoints, _resume),
    "keras": Reader(seeds.keras_files, keras_file.inspect, check_isolated),
    "saved-model": Reader(seeds.saved_models, saved_model.inspect, check_isolated),
}
