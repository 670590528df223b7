"""The results of the program quantization, as plain data that converts to and from JSON, and their table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import fmean

import msgspec

from benchmarks.lib import markdown
from edgecnn.bench import stats
from edgecnn.bench.reports.numbers import NOTHING, number, times
from edgecnn.bench.stats import Estimate, inverse

FLOAT32, DYNAMIC, STATIC, OURS = "float32", "naive dynamic", "naive static", "ours"
LITERT, FUNCTION = "LiteRT int8", "tf.function"
RIVALS = (FLOAT32, STATIC, DYNAMIC)  # what a user of onnxruntime has without edgecnn
SHOWN = ("edgecnn", "onnxruntime", "onnx", "ai-edge-litert", "tensorflow")  # packages whose versions affect the figures


@dataclass(frozen=True)
class Contender:
    """One way to run a network, measured in the same rounds as the others.

    `round_medians_us` are in the order of the rounds, which all contenders took in turn. Of the `images`, `correct`
    were labeled correctly; `only_float32` counts those that only the float32 file labels correctly, and `only_this`
    those that only this file does. `failure` says why the contender was not measured.
    """

    file_bytes: int = 0
    p50_us: float | None = None
    round_medians_us: tuple[float, ...] = ()
    correct: int = 0
    images: int = 0
    only_float32: int = 0
    only_this: int = 0
    failure: str | None = None


@dataclass(frozen=True)
class Ours:
    """What `edgecnn.quantize` chose, and how many seconds it took.

    `chosen` is the candidate's name, or None if float32 was kept. `is_float32` says that the file equals the float32
    file byte for byte; then it is not measured a second time.
    """

    file: str
    chosen: str | None
    why: str
    is_float32: bool
    seconds: float


@dataclass(frozen=True)
class Network:
    """One interleaved run and its conditions. `stability_issues` say why its figures may be wrong."""

    started: str
    host: str
    versions: dict[str, str]
    rounds: int
    threads: int
    data: str
    data_sha256: str
    parameters: int
    ours: Ours
    contenders: dict[str, Contender]
    stability_issues: tuple[str, ...] = ()

    def measured(self, name: str) -> Contender | None:
        """The contender of that name; None if it was not measured or failed."""
        found = self.contenders.get(FLOAT32 if name == OURS and self.ours.is_float32 else name)
        return found if found and found.round_medians_us else None

    def ratio(self, name: str, other: str) -> Estimate | None:
        """The time of `name` divided by that of `other`, round by round; None if one was not measured."""
        first, second = self.measured(name), self.measured(other)
        return stats.ratio(first.round_medians_us, second.round_medians_us) if first and second else None

    def change(self, name: str) -> float | None:
        """The change of accuracy against the float32 file on the same images, in percentage points."""
        found = self.measured(name)
        return 100 * (found.only_this - found.only_float32) / found.images if found and found.images else None

    @property
    def fastest_rival(self) -> str:
        """The fastest of RIVALS, by the geometric mean of its rounds, as in ratios."""
        paces = {name: fmean(map(log, found.round_medians_us)) for name in RIVALS if (found := self.measured(name))}
        return min(paces, key=lambda name: paces[name], default=FLOAT32)


Results = dict[str, Network]  # by the network's name


def read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else {}


def to_json(results: Results) -> str:
    return msgspec.json.format(msgspec.json.encode(results), indent=1).decode() + "\n"


def table(results: Results) -> str:
    """A Markdown table with a row per network. Notes below explain the figures and give the conditions."""
    cells = [[cell(name, network) for _, cell in COLUMNS] for name, network in results.items()]
    return markdown.table([title for title, _ in COLUMNS], cells, conditions(results))


def conditions(results: Results) -> list[str]:
    """Notes on how to read the table, where and how it was measured, and what is unreliable."""
    lines = [
        "Each way: how many times faster or slower than the float32 file, with the 95 % interval; then the change of "
        "accuracy in percentage points, and McNemar's verdict if the change is significant."
    ]
    for network in results.values():
        versions = ", ".join(f"{name} {network.versions[name]}" for name in SHOWN if name in network.versions)
        threads = f"{network.threads} thread{'s' * (network.threads > 1)}"
        lines.append(f"{network.host}; {versions}; batch 1, {threads}, {network.rounds} interleaved rounds")
    lines += [f"`{name}` UNSTABLE: {issue}" for name, network in results.items() for issue in network.stability_issues]
    return list(dict.fromkeys(lines))


def told(speedup: Estimate) -> str:
    """A speed-up in words, such as 1.8× faster or 4.3× slower, with its interval; or "no difference shown"."""
    if speedup.low is None or speedup.high is None or speedup.low <= 1 <= speedup.high:
        return "no difference shown"
    if speedup.low > 1:
        return times(speedup, " faster")
    return times(inverse(speedup), " slower")


def _signed(points: float) -> str:
    return f"{points:+.2f}".replace("-", "−") if round(points, 2) else "0.00"


def _name(name: str, network: Network) -> str:
    return f"`{name}`{' (unstable)' if network.stability_issues else ''}"


def _float32(_: str, network: Network) -> str:
    found = network.measured(FLOAT32)
    return number(found.p50_us if found else None) or NOTHING


def _way(way: str) -> Callable[[str, Network], str]:
    """A function that writes a way's speed-up and change of accuracy."""

    def cell(_: str, network: Network) -> str:
        speedup, change, found = network.ratio(FLOAT32, way), network.change(way), network.measured(way)
        if speedup is None or change is None or found is None:
            return "fails" if way in network.contenders else NOTHING
        verdict = stats.accuracy_verdict(found.only_float32, found.only_this)
        said = "" if verdict == "no difference shown" else f", {verdict}"
        return f"{told(speedup)}; {_signed(change)}{said}"

    return cell


def _chosen(_: str, network: Network) -> str:
    return network.ours.chosen or "float32, kept"


def _against_rival(_: str, network: Network) -> str:
    rival = network.fastest_rival
    if network.ours.is_float32 and rival == FLOAT32:
        return "the same file: float32 is the fastest"
    found = network.ratio(rival, OURS)
    return f"{told(found)}, {rival}" if found else NOTHING


def _against_litert(_: str, network: Network) -> str:
    found = network.ratio(LITERT, OURS)
    return told(found) if found else NOTHING


COLUMNS: Sequence[tuple[str, Callable[[str, Network], str]]] = (
    ("network", _name),
    ("float32, p50 µs", _float32),
    *((way, _way(way)) for way in (DYNAMIC, STATIC, OURS, LITERT)),
    ("ours: chosen candidate", _chosen),
    ("ours compared with the fastest other ONNX file", _against_rival),
    ("ours compared with LiteRT int8", _against_litert),
)
