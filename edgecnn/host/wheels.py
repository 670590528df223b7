"""Which packages have wheels for which machines, from wheels.json, and what to do on a machine for which there is none.

It needs Python's own library alone, since it is asked where a package could not be installed. A wheel is a package that
pip installs as it is; without one, pip looks for a compiler and mostly fails after minutes.
`python -m benchmarks wheels` writes the file.
"""

import json
import os
import platform
import struct
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Table = dict[str, dict[str, dict[str, str]]]  # package → machine → Python → the oldest glibc, or ""

TABLE = Path(__file__).with_name("wheels.json")
MACHINES = {"AMD64": "x86_64"}
NARROW = ("armv6l", "armv7l", "i386", "i686")  # the machines of 32 bits
USE_64_BIT = "install a 64-bit system, such as Raspberry Pi OS (64-bit): onnxruntime has no 32-bit packages"
USE_GLIBC = "use a system with glibc, such as Debian or Raspberry Pi OS; in a container, an image that is not Alpine's"
ELSEWHERE = "do this on another machine, and copy the ONNX file here"


@dataclass(frozen=True)
class Place:
    """What decides which wheels pip takes. `machine` is as in wheels.json, such as "linux aarch64".

    `python` is "3.13", or "3.13t" for one without the global lock. `glibc` is empty where there is none.
    """

    machine: str
    python: str
    glibc: str

    def __str__(self) -> str:
        return f"{self.machine}, Python {self.python}" + (f", glibc {self.glibc}" if self.glibc else "")


def this_place() -> Place:
    """This Python. On a 64-bit kernel it may be a 32-bit one, as on Raspberry Pi OS (32-bit)."""
    build = str(sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    unlocked = "t" * bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    machine = named(sys.platform, platform.machine(), struct.calcsize("P") * 8, is_musl=build.endswith("musl"))
    return Place(machine, f"{sys.version_info[0]}.{sys.version_info[1]}{unlocked}", _glibc())


def named(system: str, machine: str, bits: int, *, is_musl: bool) -> str:
    """The machine's name in wheels.json; one that is not there has no wheels."""
    kind = {"linux": "musl" if is_musl else "linux", "darwin": "macos"}.get(system, system)
    machine = MACHINES.get(machine, machine)
    if bits == 32 and machine in ("aarch64", "x86_64"):
        machine = {"aarch64": "armv7l", "x86_64": "i686"}[machine]
    return f"{kind} {machine}"


def _glibc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")
    except (AttributeError, OSError, ValueError):
        return ""


@cache
def read_table() -> Mapping[str, Any]:
    """The content of wheels.json: `date`, `source`, `pythons`, `wheels` and `illegal_instruction`."""
    found: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


def lacking(packages: Iterable[str], place: Place) -> list[str]:
    """Those of the packages that have no wheel there, as far as the table knows them."""
    table: Table = read_table()["wheels"]
    return [name for name in packages if name in table and not _fits(_oldest_glibc(name, place), place.glibc)]


def _oldest_glibc(name: str, place: Place) -> str | None:
    found: str | None = read_table()["wheels"][name].get(place.machine, {}).get(place.python)
    return found


def _fits(needed: str | None, glibc: str) -> bool:
    return needed is not None and (not needed or not glibc or _numbers(glibc) >= _numbers(needed))


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]


def remedy(missing: Iterable[str], place: Place) -> str:
    """What to do where these packages have no wheel."""
    missing = list(missing)
    kind, _, machine = place.machine.partition(" ")
    if machine in NARROW:
        return USE_64_BIT
    if kind == "musl":
        return USE_GLIBC
    needed = [glibc for name in missing if (glibc := _oldest_glibc(name, place))]
    if len(needed) == len(missing):
        return f"upgrade the system: glibc {max(needed, key=_numbers)} is needed for {', '.join(missing)}"
    return _with_another_python(missing, place)


def _with_another_python(missing: Iterable[str], place: Place) -> str:
    others = (Place(place.machine, python, place.glibc) for python in reversed(read_table()["pythons"]))
    fitting = [other.python for other in others if not lacking(missing, other)]
    if not fitting:
        return ELSEWHERE
    newest = fitting[0]
    return f"make the virtual environment with Python {newest}: python{newest} -m venv .venv"


def dies_here(onnxruntime: str, machine: str, instruction_sets: Iterable[str]) -> bool:
    """Whether this release of onnxruntime is known to stop with "Illegal instruction" on such a processor.

    Those that are known to do so use instructions of ARM's version 8.2, as dotprod is.
    """
    is_old_arm = machine in ("aarch64", "arm64") and "dotprod" not in instruction_sets
    return is_old_arm and onnxruntime in read_table()["illegal_instruction"]["versions"]
