"""[onnx] Writes the chosen model: tunes and scores it, and describes it in its metadata and in the folder's card."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnxruntime

from edgecnn.card import Card, ExportRecord
from edgecnn.data import Dataset
from edgecnn.errors import ExportError
from edgecnn.exporting import records
from edgecnn.exporting.export import copy_source, score_of
from edgecnn.exporting.verify import compare
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder, Staged
from edgecnn.graph.describe import opset_of
from edgecnn.graph.graph import onnx_module
from edgecnn.host import machine
from edgecnn.metrics import Accuracy
from edgecnn.progress import OnProgress
from edgecnn.quantizing.candidates import Candidate
from edgecnn.quantizing.decision import NOT_TIMED
from edgecnn.quantizing.evaluator import Evaluator
from edgecnn.quantizing.result import QuantizationResult, decision_entry, with_rounds
from edgecnn.quantizing.schemes import Scheme, Target, is_here
from edgecnn.quantizing.search import Found
from edgecnn.quantizing.session_tuning import Tuning, tune
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.settings import with_settings

# Where a file runs at full speed. Its answers are the same everywhere.
ARITHMETIC = {"VNNI": "fast on x86-64 with VNNI", "uint8": "fast on every x86-64", "int8": "fast on arm64"}


@dataclass(frozen=True)
class Request:
    """What the user asked for, the folder to write into, and what to tell of a model of another tool."""

    folder: ModelFolder
    dataset: Dataset
    scheme: Scheme
    target: Target
    max_drop: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """The model file that was written: its ModelProto, the test accuracies before and after, record and settings."""

    path: Path
    proto: Any
    before: Accuracy
    after: Accuracy
    record: ExportRecord
    tuning: Tuning | None


def precision_of(scheme: Scheme, target: Target) -> str:
    """The precision in the file's name. A file for another kind of processor has that processor in its name."""
    if scheme in ("dynamic", "float16"):
        return scheme
    return "int8" if is_here(target) or target == "any" else f"int8-{target}"


def require_room(folder: ModelFolder, source: Path) -> None:
    """Refuse to replace a card that is about other files of the source's own folder. Raises ModelError, ExportError."""
    beside = folder.path.resolve() == source.parent.resolve() and folder.card_path.exists()
    if beside and folder.card_of(source) is None:
        raise ExportError(
            f"{folder.card_path} is about other files than {source.name}: "
            "give --out DIR, to quantize it into a folder of its own"
        )


def ship(request: Request, evaluator: Evaluator, found: Found, progress: OnProgress) -> QuantizationResult:
    """Write the model file and the card, in one step. Raises OutputError; nothing is written then.

    Where float32 stays for a target that is another machine, nothing is written: it could not be timed there, so what
    was made for it earlier may still be better.
    """
    if found.decision.chosen is None and not is_here(request.target):
        written = _unchanged(request, evaluator)
        return _result(request, evaluator, found, written, _card(request, evaluator, written), None)
    removed = _outdated(request) if found.decision.chosen is None else None
    with request.folder.changing() as staged:
        written = _write_file(request, staged, evaluator, found, progress)
        if found.decision.chosen:
            copy_source(evaluator.original.path, request.folder, staged)
        card = _without(_card(request, evaluator, written), removed)
        staged.write_card(card)
        if removed:
            staged.remove(removed)
    return _result(request, evaluator, found, written, card, removed)


def _result(
    request: Request, evaluator: Evaluator, found: Found, written: Written, card: Card, removed: Path | None
) -> QuantizationResult:
    return QuantizationResult(
        path=written.path,
        target=request.target,
        max_drop=request.max_drop,
        chosen=found.decision.chosen,
        reason=found.decision.reason,
        trials=found.trials,
        baseline=evaluator.baseline,
        before=written.before,
        after=written.after,
        record=written.record,
        bytes_before=evaluator.original.path.stat().st_size,
        card=card,
        tuning=written.tuning,
        notes=(*request.notes, *evaluator.calibration.notes, *found.notes),
        removed=removed,
    )


def _unchanged(request: Request, evaluator: Evaluator) -> Written:
    """The float32 file as it is."""
    test = request.dataset.test
    score = score_of(evaluator.original.predict(test.images), test)
    path = evaluator.original.path
    return Written(path, onnx_module().load(path), score, score, _source_record(path, score), None)


def _source_record(path: Path, score: Accuracy) -> ExportRecord:
    """The card's record of a float32 file that it does not list yet, or that comes from another folder."""
    opset = opset_of(onnx_module().load(path))
    return ExportRecord("float32", path.stat().st_size, sha256(path), opset, accuracy=score)


def _write_file(request: Request, staged: Staged, evaluator: Evaluator, found: Found, progress: OnProgress) -> Written:
    """Tune, score and write the model file that ships."""
    chosen = found.decision.chosen
    precision = precision_of(request.scheme, request.target) if chosen else "float32"
    path = staged.onnx(precision)
    proto = onnx_module().load(evaluator.file(chosen.candidate) if chosen else evaluator.original.path)
    decision = decision_entry(found.trials, chosen, found.decision.reason, request.max_drop)
    metadata = replace(_metadata(request, evaluator, chosen.candidate if chosen else None), decision=decision)
    records.save(proto, path, metadata)
    tuning = _tuned(path, request, evaluator, progress)
    before, after, record = _scored(path, precision, proto, request, evaluator)
    records.save(proto, path, replace(_with_tuning(metadata, tuning), accuracy=after))
    record = replace(record, bytes=path.stat().st_size, sha256=sha256(path))
    rounds = with_rounds(decision, found.trials)
    record = replace(record, quantization=dict(metadata.quantization), decision=rounds)
    return Written(request.folder.onnx(precision), proto, before, after, record, tuning)


def _metadata(request: Request, evaluator: Evaluator, candidate: Candidate | None) -> ModelMetadata:
    """The float32 file's metadata, with the way of quantizing and without settings for a quantized file.

    The float32 file's settings do not count for it, because they were measured on another graph.
    """
    metadata = evaluator.original.metadata
    if candidate is None:
        return metadata
    return replace(metadata, quantization=_details(candidate, request, evaluator), settings={})


def _details(candidate: Candidate, request: Request, evaluator: Evaluator) -> dict[str, Any]:
    if candidate.scheme == "dynamic":
        return {"scheme": "dynamic", "weights": "uint8"}
    if candidate.scheme == "float16":
        return {"scheme": "float16"}
    form = candidate.form
    return {
        "scheme": "static",
        "target": request.target,
        "timing": f"timed on {machine.cpu_name() or machine.fingerprint()}" if is_here(request.target) else NOT_TIMED,
        "graph": candidate.rewriting,
        "activations": form.activations,
        "weights": form.weights,
        "per_channel": form.per_channel,
        "reduce_range": form.reduce_range,
        "arithmetic": ARITHMETIC["VNNI" if form.needs_exact_products else form.activations],
        "kept_float": list(candidate.kept_float),
        "calibration": evaluator.calibration.record.to_dict() | {"method": candidate.method},
    }


def _tuned(path: Path, request: Request, evaluator: Evaluator, progress: OnProgress) -> Tuning | None:
    if not is_here(request.target):
        return None
    return tune(path, evaluator.image, progress)


def _with_tuning(metadata: ModelMetadata, tuning: Tuning | None) -> ModelMetadata:
    if tuning is None:
        return metadata
    version = onnxruntime.__version__
    return replace(metadata, settings=with_settings(metadata.settings, machine.fingerprint(), version, tuning.settings))


def _scored(
    path: Path, precision: str, proto: Any, request: Request, evaluator: Evaluator
) -> tuple[Accuracy, Accuracy, ExportRecord]:
    """The test accuracies of float32 and of the file, and the file's record."""
    test = request.dataset.test
    reference = evaluator.original.predict(test.images)
    answers = Classifier(path, threads=1).predict(test.images)
    before, after = score_of(reference, test), score_of(answers, test)
    record = records.record_of(path, precision, opset_of(proto), after, compare(answers, reference))
    return before, after, record


def _outdated(request: Request) -> Path | None:
    """An int8 file from an earlier run, which must go if float32 ships now."""
    path = request.folder.onnx(precision_of(request.scheme, request.target))
    return path if path.exists() else None


def _card(request: Request, evaluator: Evaluator, written: Written) -> Card:
    """The folder's card, with records of the source and of the new file.

    A float32 record keeps the results of its verification at export.
    """
    source, name, record = evaluator.original.path, written.path.name, written.record
    made = ModelFolder(source.parent).card_of(source)
    made = made or records.card_of_onnx(request.folder.path.name, evaluator.original, written.proto)
    verified = made.exports.get(source.name) or _source_record(source, written.before)
    if record.precision == "float32":
        record = replace(record, max_difference=verified.max_difference, agreement=verified.agreement)
    card = records.card_in(request.folder, source, made)
    return card.with_export(_name_in(request.folder, source), verified).with_export(name, record)


def _name_in(folder: ModelFolder, source: Path) -> str:
    """The source's name in the folder, into which it is copied if it lies elsewhere."""
    beside = folder.path.resolve() == source.parent.resolve()
    return source.name if beside else folder.onnx("float32").name


def _without(card: Card, removed: Path | None) -> Card:
    kept = {name: record for name, record in card.exports.items() if removed is None or name != removed.name}
    return replace(card, exports=kept)
