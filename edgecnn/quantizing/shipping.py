"""[onnx] Writes what was decided: the file that ships, described in its metadata and in the card, tuned and scored."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnxruntime

from edgecnn import host
from edgecnn.data import Dataset
from edgecnn.exporting import records
from edgecnn.exporting.graph import metadata, onnx_module
from edgecnn.exporting.stage import copy_source, score_of
from edgecnn.exporting.verify import compare
from edgecnn.folder import Card, ExportRecord, ModelFolder, atomic, sha256
from edgecnn.quantizing.candidates import Candidate
from edgecnn.quantizing.decision import NOT_TIMED
from edgecnn.quantizing.report import QuantizationReport, decision_entry, with_rounds
from edgecnn.quantizing.schemes import Scheme, Target, is_here
from edgecnn.quantizing.search import Found, Progress, Report
from edgecnn.quantizing.trial import Workshop
from edgecnn.quantizing.tuning import Tuning, tune
from edgecnn.runtime import Classifier
from edgecnn.score import Accuracy
from edgecnn.settings import ENTRY, with_settings

# Where a file runs as fast as it can; it answers the same everywhere.
ARITHMETIC = {"VNNI": "fast on x86-64 with VNNI", "uint8": "fast on every x86-64", "int8": "fast on arm64"}
DECISION, QUANTIZATION = "decision", "quantization"  # keys of an ONNX file's metadata


@dataclass(frozen=True)
class Job:
    """What was asked for, and where it goes."""

    folder: ModelFolder
    dataset: Dataset
    scheme: Scheme
    target: Target
    max_drop: float


def precision_of(scheme: Scheme, target: Target) -> str:
    """The name by which a folder knows the file: int8 for another kind of processor has one of its own."""
    if scheme in ("dynamic", "float16"):
        return scheme
    return "int8" if is_here(target) or target == "any" else f"int8-{target}"


def ship(job: Job, shop: Workshop, found: Found, report: Report) -> QuantizationReport:
    """Write the file and the card. Raises OutputError; then nothing is written."""
    chosen = found.decision.chosen
    precision = precision_of(job.scheme, job.target) if chosen else "float32"
    path = job.folder.onnx(precision)
    proto = onnx_module().load(shop.file(chosen.candidate) if chosen else shop.source)
    decision = decision_entry(found.trials, chosen, found.decision.reason, job.max_drop)
    entries = _entries(job, shop, chosen.candidate if chosen else None) | {DECISION: json.dumps(decision)}
    with atomic(path) as temporary:
        records.save(proto, temporary, entries)
        tuning = _tuned(temporary, job, shop, report)
        before, after, record = _scored(temporary, precision, proto, job, shop)
        records.save(proto, temporary, _with_tuning(entries, tuning) | records.scored(after))
        record = replace(record, bytes=temporary.stat().st_size, sha256=sha256(temporary))
    if chosen:
        copy_source(shop.source, job.folder)
    record = replace(record, quantization=json.loads(entries.get(QUANTIZATION, "{}")))
    record = replace(record, decision=with_rounds(decision, found.trials))
    removed = _outdated(job) if chosen is None else None
    card = _card(job, shop, proto, path, record, removed)
    job.folder.write_card(card)
    if removed:
        removed.unlink()
    return QuantizationReport(
        path=path,
        target=job.target,
        max_drop=job.max_drop,
        chosen=chosen,
        reason=found.decision.reason,
        trials=found.trials,
        baseline=shop.baseline,
        before=before,
        after=after,
        record=record,
        bytes_before=shop.source.stat().st_size,
        card=card,
        tuning=tuning,
        notes=(*shop.calibration.notes, *found.notes),
        removed=removed,
    )


def _entries(job: Job, shop: Workshop, candidate: Candidate | None) -> dict[str, str]:
    """The source's metadata and, of a quantised file, how it was made; settings were measured on another graph."""
    entries = metadata(onnx_module().load(shop.source, load_external_data=False))
    if candidate is None:
        return entries
    entries.pop(ENTRY, None)
    return entries | {QUANTIZATION: json.dumps(_details(candidate, job, shop))}


def _details(candidate: Candidate, job: Job, shop: Workshop) -> dict[str, Any]:
    if candidate.scheme == "dynamic":
        return {"scheme": "dynamic", "weights": "uint8"}
    if candidate.scheme == "float16":
        return {"scheme": "float16"}
    form = candidate.form
    return {
        "scheme": "static",
        "target": job.target,
        "timing": f"timed on {host.cpu_name() or host.fingerprint()}" if is_here(job.target) else NOT_TIMED,
        "graph": candidate.rewriting,
        "activations": form.activations,
        "weights": form.weights,
        "per_channel": form.per_channel,
        "reduce_range": form.reduce_range,
        "arithmetic": ARITHMETIC["VNNI" if form.needs_exact_products else form.activations],
        "kept_float": list(candidate.kept_float),
        "calibration": shop.calibration.record.to_dict() | {"method": candidate.method},
    }


def _tuned(path: Path, job: Job, shop: Workshop, report: Report) -> Tuning | None:
    if not is_here(job.target):
        return None
    return tune(path, shop.image, lambda done, of: report(Progress("tuning the session", done, of)))


def _with_tuning(entries: dict[str, str], tuning: Tuning | None) -> dict[str, str]:
    if tuning is None:
        return entries
    return with_settings(entries, host.fingerprint(), onnxruntime.__version__, tuning.settings)


def _scored(
    path: Path, precision: str, proto: Any, job: Job, shop: Workshop
) -> tuple[Accuracy, Accuracy, ExportRecord]:
    """Accuracy on the test split of float32 and of the file, and the file's record."""
    test = job.dataset.test
    reference = shop.original.predict(test.images)
    answers = Classifier(path, threads=1).predict(test.images)
    before, after = score_of(reference, test), score_of(answers, test)
    opset = next(item.version for item in proto.opset_import if item.domain in ("", "ai.onnx"))
    return before, after, records.record_of(path, precision, opset, after, compare(answers, reference))


def _outdated(job: Job) -> Path | None:
    """The int8 file of an earlier time: float32 ships now, and the folder says so."""
    path = job.folder.onnx(precision_of(job.scheme, job.target))
    return path if path.exists() else None


def _card(job: Job, shop: Workshop, proto: Any, path: Path, record: ExportRecord, removed: Path | None) -> Card:
    """The folder's card with this record; what float32 was verified against stays known."""
    source = shop.source
    found = ModelFolder(source.parent).card()
    card = records.card_in(
        job.folder, source, found or records.card_of_onnx(job.folder.path.name, shop.original, proto)
    )
    earlier = card.exports.get(path.name)
    if earlier and record.precision == "float32":
        record = replace(record, max_difference=earlier.max_difference, agreement=earlier.agreement)
    kept = {name: item for name, item in card.exports.items() if removed is None or name != removed.name}
    return replace(card, exports=kept).with_export(path.name, record)
