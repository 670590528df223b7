"""Compare our quantization with others, in latency and accuracy: [NETWORK ...]

For `edge`, every reference recipe and the networks of the program color-digits, it measures the float32 file,
onnxruntime's `quantize_dynamic` and `quantize_static` with their default settings, `edgecnn.quantize`, LiteRT's full
int8 and, for `edge` and `adventures`, `tf.function`, in one interleaved run per network. Each run's figures are written
to benchmarks/results/quantization.json when it is done; other networks are kept. At the end the table is printed. A
network that is not under build/ yet is trained first. Two to three minutes per network. Close other programs first.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import edgecnn
from benchmarks.latency import naive
from benchmarks.latency import quantization_table as tables
from benchmarks.latency.quantization_table import DYNAMIC, FLOAT32, FUNCTION, LITERT, OURS, STATIC, Network, Ours
from benchmarks.lib import paths
from benchmarks.lib.results import write_text
from benchmarks.models import color_digits, reference_recipes
from edgecnn import files
from edgecnn.bench import Runtime
from edgecnn.bench.contenders import Contender
from edgecnn.bench.figures import Row, summarize
from edgecnn.bench.measure import measure
from edgecnn.bench.pace import paces
from edgecnn.bench.results import Bench, Measurement, Plan
from edgecnn.bench.stats import discordant
from edgecnn.card import versions
from edgecnn.data import MNIST, load
from edgecnn.folder import ModelFolder
from edgecnn.progress import Progress

RESULTS = paths.RESULTS / "quantization.json"
NAMES = ("edge", *reference_recipes.NAMES, *color_digits.NETWORKS)
AGAINST_TENSORFLOW = ("edge", "adventures")
PLAN = Plan(rounds=10, duration=3.0)


@dataclass(frozen=True)
class Original:
    """A trained and exported network, and the data it was trained with."""

    name: str
    folder: ModelFolder
    data: str | Path


def main(names: Sequence[str]) -> None:
    os.chdir(paths.ROOT)
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        found = run(original_of(name))
        results = tables.read(RESULTS) | {name: found}
        write_text(RESULTS, tables.to_json({key: results[key] for key in NAMES if key in results}))
        print(tables.table({name: found}), flush=True)
    print(table(), end="")


def table() -> str:
    """The committed results, as a Markdown table."""
    return tables.table(tables.read(RESULTS))


def original_of(name: str) -> Original:
    """The trained and exported network; trained and exported now if it is missing."""
    if name in color_digits.NETWORKS:
        network = color_digits.NETWORKS[name]
        color_digits.make(network)
        return Original(name, ModelFolder(network.folder), network.data)
    folder = ModelFolder(paths.TRAINED / name)
    if not folder.keras.exists():
        reference_recipes.run("train", "--recipe", name, "--out", str(folder.path))
    if not folder.onnx("float32").exists():
        reference_recipes.run("export", str(folder.path))
    return Original(name, folder, MNIST)


def run(original: Original) -> Network:
    """Make every contender's file, each in a folder named after its way, and measure all in one interleaved run."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-") as scratch:
        places = {way: ModelFolder(Path(scratch, way)) for way in (FLOAT32, DYNAMIC, STATIC, OURS)}
        copy(original.folder, places[FLOAT32])
        copy(original.folder, places[OURS])
        failures = quantize_naively(places, original.data)
        ours, file = quantize(places[OURS], original.data)
        models = [places[FLOAT32].path, *(path for way in (DYNAMIC, STATIC) for path in places[way].onnx_files())]
        models += [] if ours.is_float32 else [file]
        bench = measure(models, PLAN, data=original.data, runtimes=runtimes(original.name), progress=show)
    return network(original, bench, ours, failures)


def copy(folder: ModelFolder, target: ModelFolder) -> None:
    """Copy only the original and its float32 file, because other files of the folder are not contenders here."""
    for path in (folder.keras, folder.onnx("float32"), folder.card_path):
        files.copy(path, target.path / path.name)


def quantize_naively(places: dict[str, ModelFolder], data: str | Path) -> dict[str, str]:
    """Quantize with onnxruntime's functions. Returns the reason for each way that fails."""
    model = places[FLOAT32].onnx("float32")
    dynamic, static = places[DYNAMIC].onnx("dynamic"), places[STATIC].onnx("int8")
    for path in (dynamic, static):
        path.parent.mkdir()
    found = {DYNAMIC: naive.dynamic(model, dynamic), STATIC: naive.static(model, static, load(data))}
    return {way: reason for way, reason in found.items() if reason}


def quantize(folder: ModelFolder, data: str | Path) -> tuple[Ours, Path]:
    """Quantize with `edgecnn.quantize` and its defaults. Returns what it chose, and the file."""
    before, started = files.sha256(folder.onnx("float32")), time.perf_counter()
    found = edgecnn.quantize(folder.path, data=data)
    seconds = round(time.perf_counter() - started, 1)
    chosen = found.chosen.candidate.name if found.chosen else None
    return Ours(found.path.name, chosen, found.reason, files.sha256(found.path) == before, seconds), found.path


def runtimes(name: str) -> list[Runtime]:
    return ["tensorflow", "onnxruntime", "litert"] if name in AGAINST_TENSORFLOW else ["onnxruntime", "litert"]


def network(original: Original, bench: Bench, ours: Ours, failures: dict[str, str]) -> Network:
    """The record of a run, as it is stored."""
    card, (sha256, data) = original.folder.card(), next(iter(bench.datasets.items()))
    return Network(
        started=bench.started,
        host=str(bench.host),
        versions=bench.host.versions | versions("onnx"),
        rounds=bench.plan.rounds,
        threads=bench.plan.threads,
        data=color_digits.DATA if original.name in color_digits.NETWORKS else data.source,
        data_sha256=sha256,
        parameters=card.parameters if card else 0,
        ours=ours,
        contenders={**measured(bench), **{way: tables.Contender(failure=why) for way, why in failures.items()}},
        stability_issues=tuple(issue.reason for issue in bench.stability_issues),
    )


def measured(bench: Bench) -> dict[str, tables.Contender]:
    """The raw figures of each way, from which the table is made."""
    found = {way: item for item in bench.measurements if (way := way_of(item.contender))}
    rows = {row.name: row for row in summarize(bench).rows}
    (data,) = bench.datasets.values()
    reference = found[FLOAT32].answers or ()
    return {way: figures(item, rows[item.contender.name], reference, data.truth) for way, item in found.items()}


def figures(item: Measurement, row: Row, reference: Sequence[int], truth: Sequence[int]) -> tables.Contender:
    if item.failure or not item.answers or not item.accuracy or not reference:
        scratch = str(Path(item.contender.model).parents[item.contender.model.endswith(".onnx")])
        return tables.Contender(item.file_bytes, failure=(item.failure or "no answers").replace(f"{scratch}/", ""))
    only_float32, only_this = discordant(reference, item.answers, truth)
    return tables.Contender(
        file_bytes=item.file_bytes,
        p50_us=row.p50_us,
        round_medians_us=tuple(round(pace / 1000, 3) for _, pace in sorted(paces(item).items())),
        correct=item.accuracy.correct,
        images=item.accuracy.images,
        only_float32=only_float32,
        only_this=only_this,
    )


def way_of(contender: Contender) -> str | None:
    """The way that a contender stands for; None for others that the bench measures too, such as LiteRT's float32."""
    match contender.runtime, contender.variant:
        case "litert", "int8":
            return LITERT
        case "tensorflow", "function":
            return FUNCTION
        case "onnxruntime", _:
            path = Path(contender.model)
            return path.parent.name if path.suffix == ".onnx" else path.name
    return None


def show(progress: Progress) -> None:
    if sys.stderr.isatty():
        said = f"{progress.done} of {progress.steps}: {progress.doing}"
        print(said, end="\x1b[K\r", file=sys.stderr, flush=True)
