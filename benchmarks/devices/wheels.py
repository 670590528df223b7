"""Find out for which machines the packages that edgecnn needs have wheels: [--check]

For each package that pyproject.toml names for running, quantizing, serving, training and measuring other runtimes, this
reads the names of its published files through pip, and says for each machine and Python whether pip finds a wheel in a
version that is allowed, and which glibc that takes at least. Then it imports releases of onnxruntime on the emulated
Cortex-A72 of a Raspberry Pi 4 (python -m benchmarks emulator prepares it), and notes which stop with "Illegal
instruction". The result is edgecnn/host/wheels.json, which `edgecnn doctor` reads. With --check, nothing is
written, and the exit code is 1 if a package has gained or lost wheels since then.
"""

import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging import tags
from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from benchmarks.devices import emulator, installing
from benchmarks.lib.paths import ROOT
from benchmarks.lib.results import write_text
from edgecnn.host.wheels import TABLE, Table

EXTRAS = ("quantize", "serve", "train", "peers")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
GLIBC_MINORS = range(5, 42)
OLDEST_MUSL, NEWEST_MUSL = 1, 2
SOURCE = "the names of published wheels on the Python Package Index, read by pip"
TRIED = ("1.20.1", "1.21.0", "1.21.1", "1.22.0", "1.23.2", "1.24.4", "1.31.0", "1.32.0")
EMULATED = "imported on an emulated Cortex-A72; reported in onnxruntime's issues 23957, 24112 and 24512"
IMPORT = "import sys; sys.path.insert(0, {!r}); import onnxruntime"
# pip's own index client, since its commands tell neither all files of a package nor what the newest one needs.
LIST_FILES = """\
import json, sys
from pip._internal.commands.index import IndexCommand
from pip._internal.index.collector import parse_links

command, found = IndexCommand("index", ""), {}
options, _ = command.parse_args(["versions", "-"])
with command.main_context():
    collector = command._build_package_finder(options, command._build_session(options))._link_collector
    for name in sys.argv[1:]:
        sources = collector.collect_sources(name, candidates_from_page=lambda link: []).index_urls
        pages = [collector.fetch_response(source.link) for source in sources if source and source.link]
        links = [link for page in pages if page for link in parse_links(page)]
        found[name] = sorted({link.filename for link in links if link.is_wheel and link.yanked_reason is None})
print(json.dumps(found))
"""


def main(arguments: Sequence[str]) -> None:
    packages = published()
    if "--check" in arguments:
        check(packages)
        return
    illegal = {"versions": stopped(), "tried": TRIED, "source": EMULATED}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    table = {"date": today, "source": SOURCE, "pythons": PYTHONS, "wheels": packages, "illegal_instruction": illegal}
    write_text(TABLE, compact(table))


def check(packages: Table) -> None:
    changed = list(differences(json.loads(TABLE.read_text(encoding="utf-8"))["wheels"], packages))
    print("\n".join(changed) or "every wheel is where the file says")
    sys.exit(1 if changed else 0)


def differences(before: Table, now: Table) -> Iterator[str]:
    """A line for each package, machine and Python whose entry is another one now."""
    for name in sorted({*before, *now}):
        for machine in machines():
            old, new = (table.get(name, {}).get(machine, {}) for table in (before, now))
            if old != new:
                yield f"{name}, {machine}: was {old or 'nothing'}, now {new or 'nothing'}"


def published() -> Table:
    """For each package and machine, each Python that has a wheel, with the oldest glibc that it runs with, or ""."""
    needs = requirements()
    command = [sys.executable, "-c", LIST_FILES, *needs]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    files = json.loads(done.stdout.splitlines()[-1])
    return {name: dict(_rows(needs[name], files[name])) for name in needs}


def _rows(need: Requirement, files: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    wheels = list(_parsed(need, files))
    for machine, platforms in machines().items():
        least = {python: oldest_glibc(wheels, python, platforms) for python in PYTHONS}
        yield machine, {python: glibc for python, glibc in least.items() if glibc is not None}


def _parsed(need: Requirement, files: Iterable[str]) -> Iterator[frozenset[tags.Tag]]:
    """The tags of each wheel in a version that is allowed."""
    for name in files:
        try:
            _, version, _, found = parse_wheel_filename(name)
        except InvalidWheelFilename:
            continue
        if need.specifier.contains(version, prereleases=False):
            yield found


def oldest_glibc(wheels: Iterable[frozenset[tags.Tag]], python: str, platforms: Sequence[str]) -> str | None:
    """The oldest glibc that a wheel runs with, such as "2.28". Without glibc it is "", without a wheel None."""
    version = tuple(map(int, python.split(".")))
    fitting = {*tags.cpython_tags(version, platforms=platforms), *tags.compatible_tags(version, platforms=platforms)}
    found = [minor for wheel in wheels if (minor := _least_minor(wheel & fitting)) is not None]
    return None if not found else f"2.{min(found)}" if min(found) else ""


def _least_minor(fitting: Iterable[tags.Tag]) -> int | None:
    minors = [_minor(tag.platform) for tag in fitting]
    return min(minors, default=None)


def _minor(platform: str) -> int:
    """Of manylinux_2_28_aarch64, 28; 0 for what needs no glibc. manylinux2014 is 2.17 (PEP 600)."""
    if platform.startswith("manylinux2014"):
        return 17
    return int(platform.split("_")[2]) if platform.startswith("manylinux_") else 0


def machines() -> dict[str, list[str]]:
    """The machines that doctor tells apart, and the names of the platforms whose wheels they take."""
    glibc = {f"linux {name}": installing.platforms(name, GLIBC_MINORS) for name in ("x86_64", "aarch64", "armv7l")}
    musl = {
        f"musl {name}": [f"musllinux_1_{minor}_{name}" for minor in range(OLDEST_MUSL, NEWEST_MUSL + 1)]
        for name in ("x86_64", "aarch64")
    }
    macos = {f"macos {name}": list(tags.mac_platforms((15, 0), name)) for name in ("x86_64", "arm64")}
    return glibc | musl | macos


def requirements() -> dict[str, Requirement]:
    """What pyproject.toml names for running and for each of the extras, by the package's name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(need for extra in EXTRAS for need in project["optional-dependencies"][extra])]
    return {need.name: need for need in map(Requirement, lines) if need.name != "edgecnn"}


def stopped() -> list[str]:
    """Those of the tried releases of onnxruntime that stop with an illegal instruction on a Raspberry Pi 4."""
    emulator.prepare()
    with tempfile.TemporaryDirectory() as scratch:
        return [version for version in TRIED if _stops(version, Path(scratch) / version)]


def _stops(version: str, folder: Path) -> bool:
    pinned = ("--no-deps", "--no-compile", f"onnxruntime=={version}")
    installing.install_for(Path(sys.executable), "aarch64", folder, *pinned)
    command = [str(emulator.python("cortex-a72")), "-c", IMPORT.format(os.fspath(folder))]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode in (-signal.SIGILL, 128 + signal.SIGILL)


def compact(table: dict[str, Any]) -> str:
    """JSON with a line for each machine."""
    packages = ",\n".join(f'  "{name}": {_lines(rows)}' for name, rows in table["wheels"].items())
    others = (f' "{key}": {json.dumps(value)}' for key, value in table.items() if key != "wheels")
    return "{\n" + ",\n".join([*others, f' "wheels": {{\n{packages}\n }}']) + "\n}\n"


def _lines(rows: dict[str, dict[str, str]]) -> str:
    lines = (f"   {json.dumps(machine)}: {json.dumps(pythons)}" for machine, pythons in rows.items())
    return "{\n" + ",\n".join(lines) + "\n  }"
