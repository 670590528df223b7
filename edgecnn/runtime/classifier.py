"""Classifier: the only place that opens an onnxruntime.InferenceSession."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edgecnn.batches import at_once, chunks
from edgecnn.errors import ModelError
from edgecnn.host import machine
from edgecnn.preprocessing import Preprocessing
from edgecnn.runtime import arithmetic, signature
from edgecnn.runtime.bound import Bound, Runs
from edgecnn.runtime.file_check import check_file
from edgecnn.runtime.metadata import ModelMetadata, read_metadata
from edgecnn.runtime.scores import all_finite, not_finite, recognize, to_probabilities
from edgecnn.runtime.settings import Settings, stored
from edgecnn.runtime.stream import Stream
from edgecnn.runtime.variants import choose
from edgecnn.scratch import scratch

# What onnxruntime's messages begin with: a code, the file's path, and the C++ function that found the error.
CODES = r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?(/\S+:\d+ .*?\) )?"
KERNEL_TIME = "_kernel_time"  # the end of the name of a node's event in onnxruntime's profile
# With this option, onnxruntime uses slower but exact uint8 kernels where products of 8-bit weights could saturate:
# https://github.com/microsoft/onnxruntime/blob/main/include/onnxruntime/core/session/onnxruntime_session_options_config_keys.h
EXACT_INT8 = "session.x64quantprecision"


@dataclass(frozen=True)
class Prediction:
    """One label and its probability, 0 to 1."""

    label: str
    probability: float


class Classifier:
    """An ONNX model that is ready to run: `Classifier("edge")`, `Classifier("models/edge/model.int8.onnx")`.

    `model` is a file, a model folder or the name of a shipped model. Of a folder or a name, the float32 or the int8
    file is opened, whichever is faster on this processor; `choice` says which and why. Without `settings`, the session
    uses those that the file holds for this host and this version of onnxruntime, or else the safe defaults.
    `threads=n` is short for `settings=Settings(threads=n)`. An idle classifier uses no CPU time. Raises ModelError if
    the file is missing, damaged, unsafe or not an image classifier, and TypeError if both threads and settings are
    given.

    `preprocessing` says how a float model of other tools wants its pixels; without it, its first operators do, or else
    0 to 1 is assumed. `notes` say so, which file was chosen, and why another would suit this processor better, a line
    each. `known_by` tells by what it is known. `output` is the name of one of several outputs. `is_foreign` is True for
    a file that edgecnn did not write.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        threads: int | None = None,
        settings: Settings | None = None,
        preprocessing: Preprocessing | None = None,
        output: str | None = None,
    ) -> None:
        if threads is not None and settings is not None:
            raise TypeError("Classifier takes threads or settings, not both")
        self.choice = choose(model)
        self.path = self.choice.path
        given = settings if threads is None else Settings(threads=threads)
        self.settings = given or _stored(self.path)
        self._session = _session(self.path, session_options(self.settings))
        image = signature.image_input(self.path, self._session.get_inputs())
        scores = signature.scores_output(self.path, self._session.get_outputs(), output or "")
        self.metadata = ModelMetadata.of(self._session.get_modelmeta().custom_metadata_map, self.path)
        self.input_name, self.output_name = image.name, scores.name
        self.outputs: int = scores.shape[1]
        self.input, self.known_by = signature.input_spec(self.path, image, self.metadata, preprocessing)
        self.batch: int | None = image.shape[0] if isinstance(image.shape[0], int) else None
        self.labels = signature.labels(self.path, self.metadata, self.outputs)
        self._outliers = signature.outliers(self.path, self.metadata, self.input, self.labels)
        assumed = [signature.assumption(self.path)] if self.known_by == "assumption" else []
        chosen = [self.choice.note] if self.choice.note else []
        self.notes = (*chosen, *assumed, *arithmetic.notes(self.path, self.metadata))
        # What others made may answer in another form than it declares: `predict` tells of it.
        self._run = Runs(self._session, (self.input_name, self.output_name), binds=not self.is_foreign)

    @property
    def is_foreign(self) -> bool:
        return self.metadata.graph is None

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Run the session once on a batch that `input.prepare` returned. This call is what a bench times.

        Returns the model's own scores, float32 [n, outputs]. Raises ModelError if the model cannot run the batch. If
        the attribute `batch` is a number, the model takes batches of that size only.
        """
        try:
            return self._run(batch)
        except Exception as error:  # onnxruntime raises a dozen unrelated types
            raise ModelError(f"{self.path} cannot run a batch of {list(batch.shape)}: {_reason(error)}") from error

    def bound(self) -> Bound:
        """The session on memory of its own for one prepared image, if all images have one size."""
        image = np.zeros((1, *(size or 1 for size in self.input.shape)), self.input.dtype)
        scores = np.zeros((1, self.outputs), np.float32)
        return Bound(self._session, (self.input_name, self.output_name), image, scores)

    def stream(self) -> Stream:
        """What classifies one picture after another, the fastest way.

        Raises ModelError if the model only takes larger batches.
        """
        return Stream(self)

    def run_any(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """As `run`, for a prepared batch of any number of images: a model of a fixed batch size runs several times."""
        size = self.batch or len(batch)
        return np.concatenate([self.run(_filled(piece, self.batch)) for piece in chunks(batch, size)])[: len(batch)]

    def predict(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities, float32 [n, classes], for `images` in the form that the attribute `input` describes.

        Raises InputError for other images, and ModelError if an answer is not a finite number.
        """
        self.input.check(images)
        if not len(images):
            return np.zeros((0, len(self.labels)), np.float32)
        scores = self._scores(images)
        # What edgecnn writes returns probabilities.
        probabilities = to_probabilities(scores, recognize(scores)) if self.is_foreign else scores
        self._require_answers(probabilities, len(images))
        return probabilities.astype(np.float32, copy=False)

    def scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """What the model itself returns, float32 [n, outputs], for 1 or more images. Raises InputError, ModelError."""
        self.input.check(images)
        return self._scores(images)

    def _scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        if len(images) == 1 and self.batch in (None, 1):
            return self.run(self.input.convert(images))
        size = self.batch or at_once(images.shape[1:])
        rows = [self.run(_filled(self.input.convert(piece), self.batch)) for piece in chunks(images, size)]
        return np.concatenate(rows)[: len(images)]

    def _require_answers(self, probabilities: NDArray[np.float32], images: int) -> None:
        """Raise ModelError unless there is a row of finite numbers for each image, as the file promises."""
        if probabilities.shape != (images, len(self.labels)):
            raise ModelError(
                f"{self.path} answers {list(probabilities.shape)} for {images} images, not the "
                f"[{images}, {len(self.labels)}] that it declares: export it again"
            )
        if not all_finite(probabilities):
            raise not_finite(self.path)

    def classify(self, images: NDArray[Any], top: int = 1) -> list[list[Prediction]]:
        """For each image, the `top` most probable labels, the most probable first. Raises as `predict` does."""
        return self.best(self.predict(images), top)

    def best(self, probabilities: NDArray[np.float32], top: int = 1) -> list[list[Prediction]]:
        """The same for what `predict` returned, float32 [n, classes]."""
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return [
            [Prediction(self.labels[label], float(row[label])) for label in best]
            for row, best in zip(probabilities, order, strict=True)
        ]

    def outliers(self, images: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether each image, uint8 [n, 28, 28], looks unlike all that had its label in training: bool [n].

        `probabilities` are what `predict` returned for them. Nothing is an outlier for a file that does not tell, as
        one that was exported without its training images.
        """
        if self._outliers is None:
            return np.zeros(len(images), np.bool_)
        return self._outliers.among(images, probabilities.argmax(axis=1))


def _filled(chunk: NDArray[Any], batch: int | None) -> NDArray[Any]:
    """Repeat the images of a chunk that is too short for a model with a fixed batch size."""
    return chunk if batch in (None, len(chunk)) else np.resize(chunk, (batch, *chunk.shape[1:]))


def _stored(path: Path) -> Settings:
    """The settings that the file holds for this host. If it holds none, no time is spent on the fingerprint."""
    hosts = read_metadata(path).settings
    return stored(hosts, machine.fingerprint(), ort.__version__) if hosts else Settings()


def bare_run(path: Path, threads: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """The run of a model that need not be a classifier, such as an empty one. Raises ModelError."""
    session = _session(path, session_options(Settings(threads=threads)))
    return Runs(session, (session.get_inputs()[0].name, session.get_outputs()[0].name))


def save_optimized(path: Path, output: Path) -> None:
    """Write the graph of `path` after all of onnxruntime's optimizations for this machine. Raises ModelError.

    The graph holds onnxruntime's own operators. onnx.load reads them, but the onnx checker does not know them.
    """
    _session(path, session_options(Settings(), output=output))


def session_options(settings: Settings, output: Path | None = None) -> ort.SessionOptions:
    """The options of a session. If `output` is given, the session writes its optimized graph there."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # do not log errors that are raised anyway
    options.enable_cpu_mem_arena = settings.arena
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(settings.spinning)))
    # Without this, spinning threads go on for a second after each run.
    options.add_session_config_entry("session.force_spinning_stop", str(int(settings.spinning)))
    if not machine.multiplies_int8_exactly():
        options.add_session_config_entry(EXACT_INT8, "1")
    if output:
        options.optimized_model_filepath = str(output)
    return options


def _session(path: Path, options: ort.SessionOptions) -> ort.InferenceSession:
    """Open a file that `check_file` accepts. Raises ModelError."""
    check_file(path)
    try:
        # With its fallback, onnxruntime prints an error on stdout and tries the same provider again.
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime raises a dozen unrelated types
        raise ModelError(f"{path} cannot be opened by onnxruntime {ort.__version__}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """onnxruntime's message without its codes, and what to do about it."""
    message = re.sub(CODES, "", " ".join(str(error).split())).rstrip(".")
    if "Failed to allocate memory" in message:
        return "it takes more memory than there is; use a smaller model"
    if "Protobuf parsing failed" in message or "No graph was found" in message:
        return "it is truncated or not an ONNX file; copy or export it again"
    from edgecnn.runtime.too_new import what_it_needs  # only those who need it pay for the import

    return what_it_needs(message, ort.__version__) or f"{message}; export it again"


def profile(path: Path, batch: NDArray[Any], runs: int) -> dict[str, tuple[str, float]]:
    """The operator and the microseconds of each node of the optimized graph, by the node's name, with one thread.

    The nodes are in the order in which they run. A time is the mean of `runs` runs without the slowest and the fastest
    quarter (a mean, because onnxruntime reports whole microseconds). It includes about 2 µs for the profiling itself.
    Raises ModelError if the model cannot be opened.
    """
    with scratch() as folder:
        options = session_options(Settings())
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        session = _session(path, options)
        feed = {session.get_inputs()[0].name: batch}
        for _ in range(runs):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[str, list[float]] = {}
    operators: dict[str, str] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(KERNEL_TIME):
            name = event["name"].removesuffix(KERNEL_TIME)
            operators[name] = event["args"]["op_name"]
            times.setdefault(name, []).append(event["dur"])
    return {name: (operators[name], _middle_mean(values)) for name, values in times.items()}


def _middle_mean(values: list[float]) -> float:
    """The mean without the lowest and the highest quarter."""
    quarter = len(values) // 4
    return float(np.mean(sorted(values)[quarter : len(values) - quarter]))
