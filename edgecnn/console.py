"""How results and progress look to a person: data on stdout, everything else on stderr."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from edgecnn.errors import ImageError
from edgecnn.streams import print_json_list, put, say, to_stdout

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from edgecnn.bench.run import Outcome
    from edgecnn.doctor import Check
    from edgecnn.exporting.export import Exported
    from edgecnn.exporting.verify import Comparison
    from edgecnn.folder import ModelFolder
    from edgecnn.graph.coverage import Coverage
    from edgecnn.graph.fast_paths import Judged
    from edgecnn.info import ModelInfo
    from edgecnn.quantizing.result import QuantizationResult
    from edgecnn.readings import PictureReadings, Reading
    from edgecnn.recipes import Recipe
    from edgecnn.sheet.collecting import Collected
    from edgecnn.training.train import Trained


def say_notes(notes: "Sequence[str]") -> None:
    """What the user should know and need not act on, on stderr."""
    for note in notes:
        say(f"note: {note}")


def say_default_model(folder: "ModelFolder") -> None:
    """Which model is used where none was given."""
    from edgecnn.folder import default_folder

    here = default_folder(folder.path.name)
    if folder == here:
        say(f"note: no model was given, so this is {here.path}")
    else:
        say(f"note: no model was given and none is in {here.path}, so this is the shipped model {folder.path.name!r}")


def print_version() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        put(f"edgecnn {version('edgecnn')}")
    except PackageNotFoundError:
        put("edgecnn, not installed: its version is not known")


def print_bench(outcome: "Outcome") -> None:
    from edgecnn.bench.reports.conditions import comparison_notes, conditions
    from edgecnn.bench.reports.tables import comparison_tables, tables

    _print_tables(lambda width: tables(outcome.summary, width))
    for line in conditions(outcome.summary):
        put(line)
    comparison = outcome.comparison
    if comparison:
        put()
        _print_tables(lambda width: comparison_tables(comparison, width))
        for line in comparison_notes(comparison):
            put(line)


def _print_tables(tables: "Callable[[int], list[Table]]") -> None:
    from rich.console import Console

    from edgecnn.bench.reports.tables import width_of

    for drawn in tables(Console().width):
        # Never narrower than the table: a line that wraps is better than a figure cut short.
        # Cells are text: what looks like markup is part of a name.
        to_terminal = Console(width=max(Console().width, width_of(drawn)), markup=False, emoji=False, highlight=False)
        with to_stdout():
            to_terminal.print(drawn, "")
            sys.stdout.flush()


def say_outcome(outcome: "Outcome") -> None:
    """Why the exit code is not 0, on stderr."""
    for item in outcome.summary.bench.failures:
        say(f"error: {item.contender.name} failed: {item.failure}")
    if outcome.summary.bench.partial:
        say("error: stopped before the end; the figures are of what was measured so far")
    for reason in outcome.unjudged:
        say(f"error: {reason}")
    for held in outcome.held:
        say(f"rule held: {held}")


def print_trained(trained: "Trained") -> None:
    from edgecnn.folder import DEFAULT, default_folder

    card, folder = trained.card, trained.folder
    assert card.training is not None
    epochs = f"{card.training.epochs} epoch{'s' * (card.training.epochs != 1)}"
    put(f"{card.name}: {card.parameters:,} parameters, {epochs} in {card.training.seconds:.0f} s")
    put(f"validation  {card.validation}")
    put(f"test        {card.test}")
    for number, mistake in enumerate(trained.confusion.worst()):
        put(f"{'' if number else 'confused':<12}{mistake}")
    pictures = (folder.curves, folder.confusion, folder.errors, folder.filters)
    written = (folder.keras, folder.card_path, folder.history, *pictures)
    put(f"wrote       {folder.path}: {', '.join(path.name for path in written)}")
    if trained.removed:
        say(f"removed {', '.join(path.name for path in trained.removed)}: exports of the earlier model")
    say("next: edgecnn export --quantize" + ("" if folder == default_folder(DEFAULT) else f" {folder.path}"))


def _changes(comparison: "Comparison") -> str:
    changed = round((1 - comparison.agreement) * comparison.images)
    return f"{changed} labels changed, each a tie" if changed else "no label changed"


def print_exported(exported: "Exported") -> None:
    comparison = exported.comparison
    put(f"{exported.path}: {exported.record.precision}, {exported.record.bytes:,} bytes, opset {exported.record.opset}")
    put(
        f"  verified on {exported.verified_on}: probabilities differ by at most "
        f"{comparison.max_difference:.1e}, {_changes(comparison)}"
    )
    if exported.record.accuracy:
        put(f"  accuracy  {exported.record.accuracy}")


def print_quantized(report: "QuantizationResult", explain: bool) -> None:
    from edgecnn.info import precision_of
    from edgecnn.quantizing.result import reasons, table

    if explain:
        _print_tables(lambda _: [table(report)])
        for line in (*reasons(report), ""):
            put(line)
    record, details = report.record, report.record.quantization
    if report.chosen is None:
        put(f"{report.path}: float32 stays, {record.bytes:,} bytes; {report.reason}")
    else:
        smaller = f"{record.bytes:,} bytes ({record.bytes / report.bytes_before:.0%} of float32)"
        put(f"{report.path}: {precision_of(details)}, {smaller}")
        put(f"  chosen           {report.chosen.candidate.name}: {report.reason}")
        put(f"  accuracy before  {report.before}")
        put(f"  accuracy after   {report.after}")
        put(f"  agreement with float32  {record.agreement:.2%}")
    if report.tuning:
        put(f"  session here     {report.tuning.settings}")
    if report.removed:
        say(f"removed {report.removed}: an earlier int8 file, which float32 replaces")
    if not explain and len(report.trials) > 1:
        say(f"{len(report.trials)} candidates were tried: --explain shows them")


def print_info(item: "ModelInfo") -> None:
    graph = item.graph
    macs = f"{graph['macs']:,} multiply-accumulates an image" if graph["macs"] is not None else "open shapes"
    put(f"{item.path}: {item.precision}, {item.bytes:,} bytes")
    put(f"  input           {item.input}")
    put(f"  pixels          {item.pixels}")
    put(f"  output          {item.output}")
    put(f"  labels          {', '.join(item.labels[:20])}{', …' if len(item.labels) > 20 else ''}")
    put(f"  format          opset {graph['opset']}, IR version {graph['ir_version']}")
    put(f"  operators       {', '.join(f'{count} {op}' for op, count in graph['operators'].items())}")
    put(f"  size            {graph['parameters']:,} parameters, {macs}")
    decision = item.metadata.get("decision")
    if isinstance(decision, dict):
        tried = f"{decision['chosen']}, of {len(decision['candidates'])} candidates and float32: {decision['reason']}"
        put(f"  {'decision':<16}{tried}")
    for key, value in item.metadata.items():
        if key not in ("labels", "decision", "preprocessing"):
            put(f"  {key.replace('_', ' '):<16}{_plainly(value)}")
    say_notes(item.notes)
    if item.coverage:
        _print_coverage(item.coverage)
    elif item.precision != "float32":
        put("  coverage        needs the onnx package: pip install 'edgecnn[quantize]'")
    _print_fast_paths(item)


def _print_fast_paths(item: "ModelInfo") -> None:
    """All that was asked for; else what an int8 file misses on this machine."""
    from edgecnn.graph.fast_paths import explain
    from edgecnn.host.machine import architecture

    if item.fast_paths is not None:
        lines = [line for judged in item.fast_paths for line in _fast_paths(judged)]
    else:
        found = item.coverage.convolutions if item.coverage else ()
        lines = [line for judged in found for line in explain(judged.on(architecture()))]
    is_int8 = item.coverage and item.coverage.convolutions
    for line in lines:
        put(f"  {'fast path' if is_int8 else 'in int8':<16}{line}")


def _fast_paths(judged: "Judged") -> list[str]:
    from edgecnn.graph.fast_paths import explain

    fast = " and ".join(verdict.architecture for verdict in judged.verdicts if verdict.fast)
    return [*([f"{judged.convolution} takes the fast path on {fast}"] if fast else []), *explain(judged)]


def _print_coverage(coverage: "Coverage") -> None:
    share = "an unknown share" if coverage.int8_macs is None else f"{coverage.int8_macs:.0%}"
    put(
        f"  coverage        {share} of the multiply-accumulates in int8, "
        f"as onnxruntime {coverage.onnxruntime} optimizes it for {coverage.machine}"
    )
    widest = max((len(node.name) for node in coverage.nodes), default=0)
    for node in coverage.nodes:
        put(f"  {'':<16}{node.name:<{widest}}  {node.operator:<21}  {node.precision}")
    for left in coverage.leftovers:
        put(f"  left over       {left.name} ({left.operator}) between {left.after} and {', '.join(left.before)}")


def _plainly(value: Any) -> str:
    """A tree of plain values as one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plainly(item)}" for key, item in value.items())
    return ", ".join(map(_plainly, value)) if isinstance(value, list | tuple) else str(value)


def print_recipe(recipe: "Recipe", measured: "dict[str, Any] | None") -> None:
    seeds = f", the mean of {measured['seeds']} seeds" if measured and "seeds" in measured else ""
    reached = f"{measured['test']['value']:.2%} in {measured['seconds']:.0f} s{seeds}" if measured else "not measured"
    stated = ", ".join(f"{item.accuracy:.2%} ({item.citation})" for item in recipe.published)
    for line in (recipe.name, f"  {recipe.summary}", f"  test accuracy {reached}"):
        put(line)
    if not recipe.ours:
        put(f"  its source states {stated or 'none'}")


def print_readings(results: "Iterable[PictureReadings]") -> None:
    """A line for each digit that can be read: its picture's path, its label or verdict, and its probabilities."""
    for path, found in _telling_unread(results):
        for reading in [] if isinstance(found, ImageError) else found:
            guesses = [text for guess in reading.predictions for text in (guess.label, f"{guess.probability:.4f}")]
            put(str(path), *([] if reading.verdict == "label" else [reading.verdict]), *guesses)


def print_segments(results: "Iterable[PictureReadings]") -> None:
    """The same lines, with the digit's box as left,top,right,bottom behind the path."""
    for path, found in _telling_unread(results):
        for reading in [] if isinstance(found, ImageError) else found:
            guesses = [text for guess in reading.predictions for text in (guess.label, f"{guess.probability:.4f}")]
            box = ",".join(map(str, reading.box or ()))
            put(str(path), box, *([] if reading.verdict == "label" else [reading.verdict]), *guesses)


def print_readings_as_json(results: "Iterable[PictureReadings]", *, segments: bool) -> None:
    """An array with an object for each picture: its `file`, and its reading, its `digits` or the `error`."""
    print_json_list(
        {"file": str(path), "error": str(found)}
        if isinstance(found, ImageError)
        else {"file": str(path)} | ({"digits": [*map(_plain, found)]} if segments else _plain(found[0]))
        for path, found in _telling_unread(results)
    )


def _plain(reading: "Reading") -> dict[str, Any]:
    best = reading.predictions[0] if reading.predictions else None
    return {
        "verdict": reading.verdict,
        "label": best.label if best and reading.verdict == "label" else None,
        "probability": best.probability if best else None,
        "box": reading.box,
        "predictions": [asdict(guess) for guess in reading.predictions],
    }


def _telling_unread(results: "Iterable[PictureReadings]") -> "Iterator[PictureReadings]":
    """The same results. If pictures cannot be read, says why on stderr, and raises typer.Exit at the end."""
    done = unread = 0
    for done, (path, found) in enumerate(results, 1):  # noqa: B007 (how many there were)
        if isinstance(found, ImageError):
            unread += 1
            say(f"error: {found}")
        yield path, found
    if unread and done > 1:
        say(f"error: {unread:,} of {done:,} pictures cannot be read")
    if unread:
        raise typer.Exit(1)


def print_drawn(path: "Path") -> None:
    put(f"wrote       {path}")
    say("next: print it, fill it, photograph it, and run: edgecnn sheet --read PHOTO")


def print_collected(collected: "Collected") -> None:
    """Which boxes of each sheet are empty, and how many digits there are of each label."""
    for sheet in collected.sheets:
        empty = sum(map(len, sheet.empty.values()))
        put(f"{sheet.path}: {len(sheet.boxes) - empty} digits, {f'{empty} empty boxes:' if empty else 'no empty box'}")
        for labels in dict.fromkeys(map(tuple, sheet.empty.values())):
            rows = [str(row) for row, lacking in sheet.empty.items() if tuple(lacking) == labels]
            put(f"  {' '.join(labels)} in row{'s' * (len(rows) > 1)} {', '.join(rows)}")
    put(f"digits      {', '.join(f'{count} of {label}' for label, count in collected.counts.items())}")
    put(f"wrote       {collected.folder}: half of them for training, half for testing")
    say(f"next: edgecnn bench --data {collected.folder}")


def print_checks(checks: "Sequence[Check]") -> None:
    topics = max(len(check.topic) for check in checks)
    for check in checks:
        put(f"{check.status:<8} {check.topic:<{topics}}  {check.found}")
        if check.remedy:
            put(f"{'':<8} {'':<{topics}}  → {check.remedy}")
