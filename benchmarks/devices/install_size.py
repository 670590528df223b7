"""Measure what an installation takes on disk, and what predict takes in memory: [PYTHON ...]

Each PYTHON is a version, such as 3.12; without one, all are measured that are on this machine. The wheel of this
project is installed as on a device, with this machine's packages and with those of a 64-bit Raspberry Pi, alone and
with extras. What counts is the size of the files. pip compiles Python files too unless it is given --no-compile, so
there are two sizes. Memory is the most that `edgecnn predict` of one picture takes, measured on this machine only.
"""

import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.devices import installing
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, replace_row
from edgecnn.data import load

RESULTS = paths.RESULTS / "install_size.json"
PI = "aarch64"
EXTRAS = ("", "quantize", "serve")
KEYS = ("machine", "extra", "python")
HEADINGS = ("installed", "machine", "Python", "with --no-compile", "with bytecode", "memory of predict")


def main(arguments: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        wheel = installing.build_wheel(Path(scratch))
        for version in arguments or installing.PYTHONS:
            if python := installing.interpreter(version):
                measure(python, version, wheel, Path(scratch) / version)
            else:
                print(f"Python {version} is not on this machine", file=sys.stderr)


def measure(python: Path, version: str, wheel: Path, folder: Path) -> None:
    for extra in EXTRAS:
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        for machine in dict.fromkeys((platform.machine(), PI)):
            place = folder / f"{machine} {extra}"
            peak = _install(python, machine, place, wanted, measured=not extra)
            plain, compiled = installing.sizes(place)
            row = {"machine": machine, "extra": extra, "python": version, "bytes": plain, "compiled_bytes": compiled}
            replace_row(RESULTS, "installations", row | {"predict_peak_bytes": peak}, KEYS, itemgetter(*KEYS))
            print(*row.values(), peak, flush=True)


def _install(python: Path, machine: str, place: Path, wanted: str, *, measured: bool) -> int | None:
    """The most memory of predict, in bytes; None where it is not measured."""
    if machine != platform.machine():
        installing.install_for(python, machine, place, wanted)
        return None
    environment = installing.make_environment(python, place)
    installing.install(environment, wanted)
    if not measured:
        return None
    picture = place.parent / "seven.png"
    Image.fromarray(load().test.images[0]).save(picture)
    return installing.peak_memory(environment, "predict", picture, "--model", "edge")


def table() -> str:
    """The results in `install_size.json`, as a Markdown table."""
    return markdown.table(HEADINGS, map(_cells, read_result(RESULTS)["installations"]), words=3)


def _cells(row: Mapping[str, Any]) -> list[str]:
    name = f"`edgecnn[{row['extra']}]`" if row["extra"] else "`edgecnn`"
    sizes = [f"{row[key] / 1e6:.0f} MB" for key in ("bytes", "compiled_bytes")]
    peak = f"{row['predict_peak_bytes'] / 2**20:.0f} MiB" if row["predict_peak_bytes"] else "–"
    return [name, row["machine"], row["python"], *sizes, peak]
