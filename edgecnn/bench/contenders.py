"""Lists what a bench measures: one contender for each runtime, model file and setting, as plain data."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from edgecnn.bench import RUNTIMES, Runtime
from edgecnn.bundles.unpacking import Unpacked
from edgecnn.card import Card
from edgecnn.errors import BenchError, MissingDependencyError, UsageError
from edgecnn.folder import BUNDLE_SUFFIX, ONNX_NAMES, ORIGINAL_NAMES, ModelFolder, find
from edgecnn.host.machine import architecture
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime.input_spec import ASSUMED
from edgecnn.selection import USUAL, Selection

PREFIXES: dict[Runtime, str] = {
    **{runtime: runtime for runtime in RUNTIMES},
    "tensorflow": "tf",
    "onnxruntime": "onnx",
}
# The module that each runtime is imported from, and the extra of this package that installs it.
MODULES: dict[Runtime, tuple[str, str]] = {
    "tensorflow": ("tensorflow", "train"),
    "onnxruntime": ("onnxruntime", "train"),
    "litert": ("ai_edge_litert", "peers"),
    "openvino": ("openvino", "peers"),
    "ncnn": ("ncnn", "peers"),
    "mnn": ("MNN", "peers"),
}
# predict is model.predict(x), call is model(x), function is tf.function, xla is tf.function(jit_compile=True).
TENSORFLOW_WAYS = ("predict", "call", "function", "xla")
SAVED_MODEL_WAYS = ("function", "xla")  # a SavedModel is a function, not a Keras model
TFLITE = ".tflite"
COMPILED = "-compiled"  # the end of a variant that LiteRT runs by its newer CompiledModel, not by its Interpreter
LITERT_VARIANTS = ("float32", "int8", f"float32{COMPILED}", f"int8{COMPILED}")
CONVERTED: tuple[Runtime, ...] = ("litert", "ncnn", "mnn")  # they run files that are made for the run
FROM_ONNX: tuple[Runtime, ...] = ("ncnn", "mnn")  # made from the float32 ONNX file: quantized ones they cannot read
ADVICE = "pip install 'edgecnn[quantize]', and for ncnn also pip install --no-deps pnnx"
ORDER: tuple[Runtime, ...] = ("tensorflow", "onnxruntime", "openvino", "litert", "ncnn", "mnn")  # in a report
MISSING_TENSORFLOW = "TensorFlow is not installed, so the original model is not measured: pip install 'edgecnn[train]'"


@dataclass(frozen=True)
class Contender:
    """One runtime, one model file and one setting, measured in its own processes.

    `name` is unique in a run: "tf-function" or "onnx-int8", and "edge/onnx-int8" where two models would share a name.
    `model` is the path that the user gave. `variant` is the way of calling TensorFlow (one of TENSORFLOW_WAYS) or the
    precision of the file. `batch` is the number of images in a query. `preprocessing` turns pixels into a float model's
    input, and `selection` is what of an original is run. A runtime that is in CONVERTED runs a file of its own; until
    it has been made, `file` is what it is made from.
    """

    name: str
    model: str
    runtime: Runtime
    variant: str
    file: Path
    threads: int
    batch: int
    preprocessing: Preprocessing = ASSUMED
    selection: Selection = USUAL

    @property
    def is_original(self) -> bool:
        """Whether this is the original model, run by TensorFlow."""
        return self.runtime == "tensorflow"


@dataclass(frozen=True)
class Entry:
    """One model of a bench: its contenders, its card if it has one, and messages about what cannot be measured.

    `place` is the folder or file that is read: of a bundle, the folder that it was unpacked to.
    """

    model: str
    place: Path
    contenders: tuple[Contender, ...]
    card: Card | None
    missing: tuple[str, ...]

    def told(self, text: str) -> str:
        """A message in which the model is called as the user called it."""
        return text.replace(str(self.place), self.model)


def start_list(
    models: Sequence[str | Path],
    *,
    threads: int,
    batch: int,
    runtimes: Iterable[str] = (),
    bundles: Mapping[Path, Unpacked] = MappingProxyType({}),
) -> tuple[Entry, ...]:
    """List the contenders of every model; a model that is given twice is listed once.

    `threads` is the number of threads a contender may use, `batch` the number of images in a query. `runtimes` are
    names from RUNTIMES; without any, every installed runtime is used. `bundles` are those of the models that were
    unpacked. Every contender gets a unique name.
    Raises ModelError for a model that does not exist, BenchError if there is nothing to measure, UsageError for an
    unknown runtime, MissingDependencyError for a runtime that is not installed.
    """
    wanted = _wanted(tuple(runtimes))
    entries = [_enter(path, bundles.get(path), threads, batch, wanted) for path in dict.fromkeys(map(find, models))]
    if not any(entry.contenders for entry in entries):
        raise BenchError(
            f"{', '.join(entry.model for entry in entries)}: nothing to measure with {', '.join(wanted)}: "
            "run 'edgecnn train' and 'edgecnn export' first"
        )
    return _named_apart(entries)


def _wanted(asked: tuple[str, ...]) -> tuple[Runtime, ...]:
    for name in asked:
        if name not in RUNTIMES:
            raise UsageError(f"there is no runtime {name!r}: choose one of {', '.join(RUNTIMES)}")
    wanted = tuple(runtime for runtime in RUNTIMES if runtime in asked)
    for runtime in wanted:
        module, extra = MODULES[runtime]
        if find_spec(module) is None:
            raise MissingDependencyError(runtime, extra, f"measuring with {runtime}")
        if not _can_convert(runtime):
            raise BenchError(f"{runtime} runs what is converted for it, and its converter is not here: {ADVICE}")
    return wanted or tuple(runtime for runtime in RUNTIMES if find_spec(MODULES[runtime][0]) and _can_convert(runtime))


def _can_convert(runtime: Runtime) -> bool:
    """Whether what a runtime that is in FROM_ONNX runs can be made here."""
    if runtime not in FROM_ONNX:
        return True
    return find_spec("onnx") is not None and (runtime != "ncnn" or find_spec("pnnx") is not None)


def _enter(model: Path, bundle: Unpacked | None, threads: int, batch: int, runtimes: tuple[Runtime, ...]) -> Entry:
    path = bundle.folder if bundle else model
    folder = ModelFolder(path if path.is_dir() else path.parent)
    card = folder.card()
    if card and path.is_file() and path.name not in (*card.exports, *ORIGINAL_NAMES):
        card = None  # the card describes other files of this folder
    how = (card.preprocessing if card else None) or ASSUMED
    selection = card.selection if card else USUAL
    original, files = _contents(path)

    def contender(runtime: Runtime, variant: str, file: Path) -> Contender:
        name = f"{PREFIXES[runtime]}-{variant}"
        return Contender(name, str(model), runtime, variant, file, threads, batch, how, selection)

    entered = [runtime for runtime in ORDER if runtime in runtimes]
    found = [contender(runtime, *one) for runtime in entered for one in _variants(runtime, path, original, files)]
    missing = _missing(path, original, files)
    if not found and not missing:
        missing = (f"{path} has no file that {', '.join(runtimes)} can run",)
    lacks = tuple(f"{model} lacks {text}" for text in bundle.manifest.lacks) if bundle else ()
    return Entry(str(model), path, tuple(found), card, (*missing, *lacks))


def _variants(runtime: Runtime, path: Path, original: Path | None, files: list[Path]) -> list[tuple[str, Path]]:
    """What a runtime runs of a model: each variant's name, and the file that it runs or that its own is made from."""
    match runtime:
        case "tensorflow":
            ways = TENSORFLOW_WAYS if original and original.is_file() else SAVED_MODEL_WAYS
            return [(way, original) for way in ways] if original else []
        case "litert" if path.suffix == TFLITE:
            return [(f"{path.stem}{way}", path) for way in ("", COMPILED)]
        case "litert":  # TensorFlow does the conversion
            return [(way, original) for way in LITERT_VARIANTS] if original and find_spec("tensorflow") else []
        case "ncnn" | "mnn":
            return [(_precision(file), file) for file in files if _is_plain(file)]
        case _:
            return [(_precision(file), file) for file in files]


def _contents(path: Path) -> tuple[Path | None, list[Path]]:
    """The TensorFlow model, if there is one, and the ONNX files at a path."""
    if path.suffix == ".onnx":
        return None, [path]
    if path.suffix == TFLITE:
        return None, []
    if path.is_file() or (path / "saved_model.pb").exists():
        return path, []
    folder = ModelFolder(path)
    return folder.original(), [file for file in folder.onnx_files() if _suits(_precision(file))]


def _suits(precision: str) -> bool:
    """Whether a folder's file is made for this kind of processor. Other files are measured only if named themselves."""
    kind = precision.removeprefix("int8-")
    return kind == precision or kind == architecture()


def _is_plain(file: Path) -> bool:
    """Whether a file is neither quantized nor of another precision, by its name."""
    precision = _precision(file)
    return precision != "float16" and precision.partition("-")[0] != "int8"


def _missing(path: Path, original: Path | None, files: list[Path]) -> tuple[str, ...]:
    if original and find_spec("tensorflow") is None:
        return (MISSING_TENSORFLOW,)
    if original and not files:
        return (f"{path} has no ONNX file to compare with: run 'edgecnn export {path} --quantize'",)
    return ()


def _precision(file: Path) -> str:
    """The precision that a model folder's file name stands for; for any other file, its name without the suffix."""
    return next((precision for precision, name in ONNX_NAMES.items() if name == file.name), file.stem)


def _named_apart(entries: list[Entry]) -> tuple[Entry, ...]:
    """Make all names unique: prefix them with the model's name or, if that is not enough, with its whole path."""
    prefixes: list[Callable[[Entry], str]] = [
        lambda _: "",
        lambda entry: f"{_model_name(entry)}/",
        lambda entry: f"{entry.model}/",
    ]
    for prefix in prefixes:
        named = [_prefixed(entry, prefix(entry)) for entry in entries]
        counts = Counter(item.name for entry in named for item in entry.contenders)
        if max(counts.values()) == 1:
            break
    return tuple(named)


def _model_name(entry: Entry) -> str:
    path = Path(entry.model)
    if path.name.endswith(BUNDLE_SUFFIX):
        return path.name.removesuffix(BUNDLE_SUFFIX)
    if path.name in ONNX_NAMES.values():
        return path.parent.name
    return path.name if path.is_dir() else path.stem


def _prefixed(entry: Entry, prefix: str) -> Entry:
    return replace(entry, contenders=tuple(replace(item, name=prefix + item.name) for item in entry.contenders))
