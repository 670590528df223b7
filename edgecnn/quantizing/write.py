"""[onnx] Writes the chosen model: tunes and scores it, and describes it in its metadata and in the folder's card."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnxruntime

from edgecnn.card import Card, ExportRecord
from edgecnn.data import Dataset
from edgecnn.exporting import records
from edgecnn.exporting.export import copy_source, score_of
from edgecnn.exporting.verify import compare
from edgecnn.files import atomic, sha256
from edgecnn.folder import ModelFolder
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
    """What the user asked for, and the folder to write into."""

    folder: ModelFolder
    dataset: Dataset
    scheme: Scheme
    target: Target
    max_drop: float


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


def ship(request: Request, evaluator: Evaluator, found: Found, progress: OnProgress) -> QuantizationResult:
    """Write the model file and the card. Raises OutputError; nothing is written then."""
    chosen, reason = found.decision.chosen, found.decision.reason
    written = _write_file(request, evaluator, found, progress)
    if chosen:
        copy_source(evaluator.original.path, request.folder)
    removed = _outdated(request) if chosen is None else None
    card = _card(request, evaluator, written, removed)
    request.folder.write_card(card)
    if removed:
        removed.unlink()
    return QuantizationResult(
        path=written.path,
        target=request.target,
        max_drop=request.max_drop,
        chosen=chosen,
        reason=reason,
        trials=found.trials,
        baseline=evaluator.baseline,
        before=written.before,
        after=written.after,
        record=written.record,
        bytes_before=evaluator.original.path.stat().st_size,
        card=card,
        tuning=written.tuning,
        notes=(*evaluator.calibration.notes, *found.notes),
        removed=removed,
    )


def _write_file(request: Request, evaluator: Evaluator, found: Found, progress: OnProgress) -> Written:
    """Tune, score and write the model file that ships."""
    chosen = found.decision.chosen
    precision = precision_of(request.scheme, request.target) if chosen else "float32"
    path = request.folder.onnx(precision)
    proto = onnx_module().load(evaluator.file(chosen.candidate) if chosen else evaluator.original.path)
    decision = decision_entry(found.trials, chosen, found.decision.reason, request.max_drop)
    metadata = replace(_metadata(request, evaluator, chosen.candidate if chosen else None), decision=decision)
    with atomic(path) as temporary:
        records.save(proto, temporary, metadata)
        tuning = _tuned(temporary, request, evaluator, progress)
        before, after, record = _scored(temporary, precision, proto, request, evaluator)
        records.save(proto, temporary, replace(_with_tuning(metadata, tuning), accuracy=after))
        record = replace(record, bytes=temporary.stat().st_size, sha256=sha256(temporary))
    rounds = with_rounds(decision, found.trials)
    record = replace(record, quantization=dict(metadata.quantization), decision=rounds)
    return Written(path, proto, before, after, record, tuning)


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
    opset = next(item.version for item in proto.opset_import if item.domain in ("", "ai.onnx"))
    return before, after, records.record_of(path, precision, opset, after, compare(answers, reference))


def _outdated(request: Request) -> Path | None:
    """An int8 file from an earlier run, which must go if float32 ships now."""
    path = request.folder.onnx(precision_of(request.scheme, request.target))
    return path if path.exists() else None


def _card(request: Request, evaluator: Evaluator, written: Written, removed: Path | None) -> Card:
    """The folder's card with the new record. A float32 record keeps the results of its verification at export."""
    source, record, name = evaluator.original.path, written.record, written.path.name
    found = ModelFolder(source.parent).card()
    made = found or records.card_of_onnx(request.folder.path.name, evaluator.original, written.proto)
    card = records.card_in(request.folder, source, made)
    earlier = card.exports.get(name)
    if earlier and record.precision == "float32":
        record = replace(record, max_difference=earlier.max_difference, agreement=earlier.agreement)
    kept = {file: item for file, item in card.exports.items() if removed is None or file != removed.name}
    return replace(card, exports=kept).with_export(name, record)
