"""Knows the machine: what it is, and what a process has used of it."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGES = ("edgecnn", "onnxruntime", "numpy", "tensorflow")


@dataclass(frozen=True)
class Host:
    """The conditions of a measurement: figures from two hosts are not comparable."""

    system: str
    machine: str
    cpu: str
    cores: int
    python: str
    versions: dict[str, str]

    def __str__(self) -> str:
        return f"{self.cpu or self.machine}, {self.cores} cores, {self.system}, Python {self.python}"


def this_host() -> Host:
    return Host(
        system=platform.system(),
        machine=platform.machine(),
        cpu=_cpu_name(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        versions={name: version for name in PACKAGES if (version := _version(name))},
    )


def _cpu_name(cpuinfo: Path = Path("/proc/cpuinfo"), board: Path = Path("/proc/device-tree/model")) -> str:
    """What the processor, or the board it sits on, calls itself; empty where the system does not say."""
    if board.exists():
        return board.read_text(errors="replace").strip("\0 \n")
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def peak_rss() -> int:
    """The most memory this process has had resident, in bytes.

    Linux: VmHWM, which starts anew at exec; getrusage's figure would begin at the parent's size.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
