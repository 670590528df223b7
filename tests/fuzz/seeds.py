"""The well-formed files that the fuzzer damages, made from real MNIST images and the little models of the tests."""

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import little_nets
import made_up
import numpy as np
import odd_models as odd
import onnx
import pyarrow
import pyarrow.parquet
from fuzz.archives import pack, unpack
from fuzz.messages import join, varint
from numpy.typing import NDArray
from PIL import Image

from edgecnn.bench.figures import summarize
from edgecnn.bench.reports.document import to_json
from edgecnn.bench.results import Bench
from edgecnn.card import Card, DataRecord, ExportRecord, TrainingRecord
from edgecnn.data import idx
from edgecnn.data.load import MNIST_FOLDER
from edgecnn.metrics import Accuracy
from edgecnn.origin import Origin
from edgecnn.runtime.metadata import GraphSummary, ModelMetadata

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "models" / "tiny.onnx"
NANO = ROOT / "models" / "nano"
DIGITS, TRAINING = 60, 48
LABELS = tuple("0123456789")
SHA256 = "ab" * 32

Tree = Mapping[str, bytes]  # the files of a folder, by their paths in it


@cache
def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Real images, uint8 [60, 28, 28], and their labels."""
    images, labels = (idx.read(MNIST_FOLDER / f"t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
    return images[:DIGITS], labels[:DIGITS]


def idx_folders() -> Sequence[Tree]:
    """The four files, plain and gzipped."""
    images, labels = digits()
    parts = {
        "train-images-idx3-ubyte": images[:TRAINING],
        "train-labels-idx1-ubyte": labels[:TRAINING],
        "t10k-images-idx3-ubyte": images[TRAINING:],
        "t10k-labels-idx1-ubyte": labels[TRAINING:],
    }
    plain = {name: _idx(array) for name, array in parts.items()}
    return plain, {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in plain.items()}


def _idx(array: NDArray[Any]) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def npz_files() -> Sequence[Tree]:
    """An archive of gray images, compressed, and one of colored images, with wider labels."""
    images, labels = digits()
    gray = {"x_train": images[:TRAINING], "y_train": labels[:TRAINING], "x_test": images[40:], "y_test": labels[40:]}
    colored = {name: np.repeat(a[..., None], 3, -1) if a.ndim == 3 else a.astype(np.int64) for name, a in gray.items()}
    return {"data.npz": _npz(gray, compressed=True)}, {"data.npz": _npz(colored)}


def _npz(arrays: Mapping[str, NDArray[Any]], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, allow_pickle=False, **arrays)
    return file.getvalue()


def csv_files() -> Sequence[Tree]:
    """A label and 784 pixels in each row, with and without a heading, and gzipped."""
    images, labels = digits()
    rows = [",".join(map(str, (label, *image.ravel()))) for image, label in zip(images, labels, strict=True)]
    heading = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    plain, headed = ("\n".join(lines).encode() for lines in (rows, [heading, *rows]))
    return {"data.csv": plain}, {"data.csv": headed}, {"data.csv.gz": gzip.compress(headed, mtime=0)}


def parquet_files() -> Sequence[Tree]:
    """A picture and a label in each row: plain, and as Hugging Face stores them, with names and compressed."""
    images, labels = digits()
    pictures = [_picture(Image.fromarray(image), "PNG") for image in images]
    records = [{"bytes": picture, "path": None} for picture in pictures]
    features = {"info": {"features": {"image": {"_type": "Image"}, "label": {"names": LABELS, "_type": "ClassLabel"}}}}
    described = {"huggingface": json.dumps(features)}
    plain = pyarrow.table({"image": pictures, "label": labels})
    named = pyarrow.table({"image": records, "label": labels.astype(np.int64)}).replace_schema_metadata(described)
    return {"data.parquet": _parquet(plain, "none")}, {"data.parquet": _parquet(named, "snappy")}


def _parquet(table: Any, compression: str) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression=compression, row_group_size=25)
    return file.getvalue()


def image_folders() -> Sequence[Tree]:
    """Two classes with a few pictures in each split."""
    images, _ = digits()
    places = [f"{split}/{label}/{n}.png" for split in ("train", "test") for label in ("cat", "7") for n in range(7)]
    return ({place: _picture(Image.fromarray(image), "PNG") for place, image in zip(places, images, strict=False)},)


def pictures(suffix: str) -> Sequence[Tree]:
    """A format's kinds: gray, colored, transparent, with a palette, deep, compressed otherwise, with metadata."""
    return [{f"picture{suffix}": _picture(image, **how)} for image, how in _kinds(suffix)]


def _kinds(suffix: str) -> list[tuple[Image.Image, dict[str, Any]]]:
    gray = Image.fromarray(digits()[0][0])
    color, clear, palette = gray.convert("RGB"), gray.convert("RGBA"), gray.convert("P")
    deep = Image.fromarray(digits()[0][0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[274], exif[271] = 6, "a camera"
    moving = {"save_all": True, "append_images": [gray.rotate(90).convert("RGB")]}
    kinds: dict[str, tuple[str, list[tuple[Image.Image, dict[str, Any]]]]] = {
        ".png": ("PNG", [(gray, {}), (clear, {}), (palette, {}), (deep, {}), (gray.convert("1"), {}), (color, moving)]),
        ".jpg": ("JPEG", [(gray, {"exif": exif}), (color, {"progressive": True}), (color.convert("CMYK"), {})]),
        ".gif": ("GIF", [(gray, {}), (color, moving)]),
        ".webp": ("WEBP", [(color, {}), (clear, {"lossless": True}), (color, moving), (color, {"exif": exif})]),
        ".bmp": ("BMP", [(gray, {}), (color, {}), (gray.convert("1"), {}), (clear, {})]),
        ".tif": (
            "TIFF",
            [(gray, {}), (deep, {}), (gray.convert("F"), {}), (color, {"exif": exif})]
            + [(color, {"compression": how}) for how in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")]
            + [(gray.convert("1"), {"compression": how}) for how in ("group3", "group4")],
        ),
    }
    form, found = kinds[suffix]
    return [(image, {"format": form, **how}) for image, how in found]


def _picture(image: Image.Image, format: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


METADATA = ModelMetadata(
    name="seed",
    labels=LABELS,
    recipe="edge",
    dataset=Origin("mnist", SHA256),
    original_sha256=SHA256,
    versions={"numpy": "2.0"},
    accuracy=Accuracy("test", 9, 10),
    quantization={"scheme": "static", "target": "any", "activations": "uint8", "weights": "int8"},
    decision={"chosen": "a", "reason": "it is fast", "candidates": [{"name": "a", "times": [1.0]}]},
    graph=GraphSummary(17, 8, {"Conv": 2}, 100, None),
    settings={"host": {"threads": 1}},
    others={"author": "somebody"},
)


def onnx_files() -> Sequence[Tree]:
    """Shipped and small models, with and without metadata, float32 and int8, from one operator to many."""
    files = [TINY.read_bytes(), (NANO / "model.onnx").read_bytes(), (NANO / "model.int8.onnx").read_bytes()]
    bare = onnx.load(NANO / "model.onnx")
    del bare.metadata_props[:]
    made = [
        bare,
        odd.linear(),
        odd.linear((3, 28, 28), "float32", metadata={"edgecnn.input_scale": "0.5"}),
        odd.two_outputs(),
        little_nets.mobile(little_nets.digits()),
        little_nets.residual(little_nets.digits()),
    ]
    return tuple({"model.onnx": content} for content in [*files, *(model.SerializeToString() for model in made)])


def described_models() -> Sequence[Tree]:
    """A small model with every entry of ours, and one with entries of another tool under the names of ours."""
    ours = odd.linear(metadata=METADATA.entries())
    theirs = odd.linear(metadata={"labels": json.dumps(LABELS), "quantization": "int8", "names": "{0: 'cat'}"})
    return tuple({"model.onnx": bytes(model.SerializeToString())} for model in (ours, theirs))


def model_folders() -> Sequence[Tree]:
    """A card beside the model that it describes, and a shipped card."""
    model = bytes(odd.linear().SerializeToString())
    export = ExportRecord("float32", len(model), SHA256, 17, 1e-7, 1.0, Accuracy("test", 9, 10), {"scheme": "static"})
    card = Card(
        name="seed",
        labels=LABELS,
        input_shape=(28, 28),
        input_dtype="uint8",
        parameters=7850,
        original_sha256=SHA256,
        data=DataRecord("mnist", SHA256, 55_000, 5000, 10_000),
        training=TrainingRecord("edge", 10, 128, 0, None, 60.5, "a machine"),
        validation=Accuracy("validation", 90, 100),
        test=Accuracy("test", 9, 10),
        versions={"python": "3.11"},
        exports={"model.onnx": export},
    )
    shipped = (NANO / "card.json").read_bytes()
    return tuple({"card.json": text, "model.onnx": model} for text in (card.to_json().encode(), shipped))


def bench_files() -> Sequence[Tree]:
    """What `bench --json` writes."""
    return ({"bench.json": to_json(summarize(earlier_bench())).encode()},)


def earlier_bench() -> Bench:
    rounds = made_up.streams([40.0, 41.5, 39.0, 40.2, 42.0], 20)
    return made_up.bench(
        made_up.measured("onnx-float32", rounds, given=made_up.answers([1])),
        made_up.measured("onnx-int8", rounds, given=made_up.answers()),
        made_up.failed("openvino-float32", "it is not installed"),
    )


VARIABLES = (np.ones((3, 3, 1, 4), np.float32), np.zeros(4, np.float32), np.array(7, np.int64))


def checkpoints() -> Sequence[Tree]:
    """An unfinished training after two of its three epochs."""
    epoch: dict[str, Any] = {
        "learning_rate": 1e-3,
        "loss": 0.5,
        "accuracy": 0.9,
        "validation_loss": 0.4,
        "seconds": 2.5,
    }
    epochs: list[dict[str, Any]] = [
        epoch | {"number": n, "validation_correct": 90, "validation_images": 100} for n in (1, 2)
    ]
    state = np.frombuffer(json.dumps({"run": asdict(run()), "epochs": epochs}).encode(), np.uint8)
    arrays = {"state": state} | {f"variable_{number}": np.asarray(value) for number, value in enumerate(VARIABLES)}
    return ({"checkpoint.npz": _npz(arrays)},)


def run() -> Any:
    from edgecnn.training.checkpoint import Run

    return Run("edge", "mnist", SHA256, 3, 0, None)


def keras_files() -> Sequence[Tree]:
    """A shipped model, and the HDF5 file of its weights with the network in its attribute, as `.h5` files have it."""
    import h5py

    members = unpack((NANO / "model.keras").read_bytes())
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "a") as root:
        root.attrs["model_config"] = members["config.json"].decode()
    return {"model.keras": pack(members)}, {"model.h5": file.getvalue()}


def saved_models() -> Sequence[Tree]:
    """The graph of a SavedModel with one function, written field by field, and its variables' files."""

    def node(name: str, operator: str, *inputs: str) -> bytes:
        parts = [(1, name), (2, operator), *((3, read) for read in inputs)]
        return join([(number, 2, text.encode()) for number, text in parts])

    signature = join([(1, 2, b"__inference_call")])
    body = node("cast", "Cast", "image"), node("scores", "MatMul", "cast", "weight"), node("out", "Softmax", "scores")
    function = join([(1, 2, signature), *((3, 2, part) for part in body)])
    nodes = node("image", "Placeholder"), node("call", "StatefulPartitionedCall", "image")
    graph = join([*((1, 2, part) for part in nodes), (2, 2, join([(1, 2, function)]))])
    variable, called = join([(7, 2, join([(1, 0, varint(1))]))]), join([(6, 2, join([(1, 2, b"__inference_call")]))])
    objects = join(
        [(1, 2, join([(1, 2, join([(1, 0, varint(1)), (2, 2, b"weight")]))])), (1, 2, variable), (1, 2, called)]
    )
    meta = join([(1, 2, join([(4, 2, b"serve")])), (2, 2, graph), (7, 2, objects)])
    content = join([(1, 0, varint(1)), (2, 2, meta)])
    weights = {"variables/variables.index": bytes(48), "variables/variables.data-00000-of-00001": bytes(64)}
    return ({"saved_model.pb": content, **weights},)
