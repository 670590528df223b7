"""Describes the machine, and says how much memory a process uses."""

import hashlib
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path

PACKAGES = (
    *("edgecnn", "onnxruntime", "numpy", "tensorflow", "keras", "ai-edge-litert", "openvino", "ncnn", "mnn"),
    "psutil",
)
# The kernel's names in /proc/cpuinfo (entry "flags" on x86, "Features" on ARM), and the names that we show.
INSTRUCTION_SETS = {
    "avx2": "AVX2",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX",
    "asimd": "NEON",
    "neon": "NEON",  # on a 32-bit system
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "sve": "SVE",
}
# ARM kernels report a part number instead of a name. Source: Main ID Register in Arm's reference manuals.
ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd08": "Cortex-A72",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
}
# The systems' names of the processors that int8 files are made for, and the names that users see.
ARCHITECTURES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "arm64", "arm64": "arm64"}
VNNI = ("avx512_vnni", "avx_vnni")  # x86-64 instructions that add products of 8-bit values in 32 bits
# Which instruction sets multiply 8-bit values fast, by the kind of processor.
FAST_INT8 = {"x86-64": ("AVX-512 VNNI", "AVX-VNNI", "AMX"), "arm64": ("dotprod", "i8mm")}
ROOT = Path("/")
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Host:
    """The machine that a measurement was made on: figures from different hosts are not comparable.

    `cpu` and `instruction_sets` are empty if the system does not report them. `board` is the name of a single-board
    computer such as a Raspberry Pi. `cores` counts the cores that this process may use. `cpu_limit`, in cores, and
    `memory_limit`, in bytes, are a container's limits. `versions` maps installed packages to their versions.
    """

    system: str
    machine: str
    cpu: str
    board: str | None
    cores: int
    instruction_sets: tuple[str, ...]
    memory_bytes: int
    cpu_limit: float | None
    memory_limit: int | None
    python: str
    versions: dict[str, str]

    def __str__(self) -> str:
        name = ", ".join(part for part in (self.board, self.cpu) if part) or self.machine
        cores = f"{self.cores} core{'s' * (self.cores > 1)}" + (
            f" limited to {self.cpu_limit:g}" if self.cpu_limit else ""
        )
        having = f", with {', '.join(self.instruction_sets)}" if self.instruction_sets else ""
        return f"{name}, {cores}, {self.system}, Python {self.python}{having}"

    @property
    def identity(self) -> dict[str, object]:
        """What must be equal for two measurements to be of the same host.

        The memory is rounded to GiB, because kernels reserve different amounts of it.
        """
        names = ("system", "machine", "cpu", "board", "cores", "cpu_limit")
        return {name: getattr(self, name) for name in names} | {"memory_gib": round(self.memory_bytes / GIBIBYTE)}


@dataclass(frozen=True)
class Clock:
    """The clock that times queries.

    In nanoseconds: the resolution that it claims, the smallest step that was seen, and the time that a reading takes.
    """

    name: str
    resolution_ns: float
    step_ns: int
    cost_ns: float


def this_host(root: Path = ROOT) -> Host:
    """Describe this machine. `root` is the folder that holds the system's proc and sys."""
    import psutil  # not at the top: a worker process, which only asks for its memory, would need 4 MB more

    memory = psutil.virtual_memory().total
    return Host(
        system=platform.system(),
        machine=platform.machine(),
        cpu=cpu_name(root),
        board=contents(root / "proc/device-tree/model").strip("\0 \n") or None,
        cores=len(usable_cpus()),
        instruction_sets=instruction_sets(root),
        memory_bytes=memory,
        cpu_limit=cpu_limit(root),
        memory_limit=memory_limit(memory, root),
        python=platform.python_version(),
        versions={name: version for name in PACKAGES if (version := installed(name))},
    )


def architecture() -> str:
    """This machine's kind of processor: "x86-64", "arm64", or the system's own name for any other."""
    machine = platform.machine().lower()
    return ARCHITECTURES.get(machine, machine)


def fingerprint(root: Path = ROOT) -> str:
    """16 hexadecimal digits that are equal only on machines with the same CPU, CPU features and usable cores.

    A file that was optimized for one CPU is used only where the fingerprint is the same.
    """
    facts = (platform.system(), platform.machine(), cpu_name(root), sorted(cpu_flags(root)), len(usable_cpus()))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def this_clock() -> Clock:
    """Describe this machine's clock, from 10,000 readings."""
    from statistics import median  # which predict does not need

    info = time.get_clock_info("perf_counter")
    readings = [time.perf_counter_ns() for _ in range(5000)]
    steps = [step for before, after in pairwise(readings) if (step := after - before) > 0]
    resolution = info.resolution * 1e9
    return Clock(
        name=info.implementation,
        resolution_ns=round(resolution, 3),
        step_ns=min(steps, default=max(1, round(resolution))),
        cost_ns=round(median(_cost_ns() for _ in range(100)), 1),
    )


def _cost_ns(readings: int = 50) -> float:
    """The mean time of a reading, over several, because one may be shorter than the clock's step."""
    started = time.perf_counter_ns()
    for _ in range(readings - 1):
        time.perf_counter_ns()
    return (time.perf_counter_ns() - started) / readings


def contents(path: Path) -> str:
    """The text of one of the system's files; empty if it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def usable_cpus() -> list[int]:
    """The numbers of the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def cpu_name(root: Path = ROOT) -> str:
    """The processor's name; empty if the system does not report it."""
    if not (root / "proc/cpuinfo").exists():
        return platform.processor()
    part = _cpuinfo("CPU part", root)
    return _cpuinfo("model name", root) or ARM_PARTS.get(part, "")


def cpu_flags(root: Path = ROOT) -> frozenset[str]:
    """The CPU's features, by the kernel's names; empty if the system does not report them."""
    return frozenset((_cpuinfo("flags", root) or _cpuinfo("Features", root)).split())


def multiplies_int8_exactly(root: Path = ROOT) -> bool:
    """Whether this CPU adds products of two full 8-bit values exactly.

    An x86-64 without VNNI adds pairs of products in 16 bits, where they can saturate (source: onnxruntime's
    documentation, "Quantize ONNX models"). False for an x86-64 whose system does not report the CPU's features.
    """
    return architecture() != "x86-64" or not cpu_flags(root).isdisjoint(VNNI)


def int8_instructions(root: Path = ROOT) -> str:
    """The instructions for products of 8-bit values that this CPU has, in people's words; empty if it has none.

    macOS does not report a CPU's features, but each 64-bit ARM CPU of Apple's that it runs on has dotprod.
    """
    kind = architecture()
    names = [name for name in instruction_sets(root) if name in FAST_INT8.get(kind, ())]
    if kind == "arm64" and platform.system() == "Darwin":
        return "dotprod"
    return ", ".join(names)


def instruction_sets(root: Path = ROOT) -> tuple[str, ...]:
    """The names from INSTRUCTION_SETS that this CPU has, in that order."""
    flags = cpu_flags(root)
    return tuple(dict.fromkeys(name for flag, name in INSTRUCTION_SETS.items() if flag in flags))


def _cpuinfo(key: str, root: Path) -> str:
    """The first CPU's entry in /proc/cpuinfo; empty if it has none."""
    entries = (line.partition(":") for line in contents(root / "proc/cpuinfo").splitlines())
    return next((value.strip() for name, _, value in entries if name.strip() == key), "")


def cgroups(controller: str, root: Path = ROOT) -> list[Path]:
    """The folders of this process's control group and of its parents, whose limits all apply.

    Version 2 of control groups has one tree, version 1 has one per controller. A container often sees its own group as
    the root of the tree.
    """
    mount = root / "sys/fs/cgroup"
    found = [mount, mount / controller]
    for line in contents(root / "proc/self/cgroup").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        parts = path.strip("/").split("/")
        if ".." in parts or (controllers and controller not in controllers.split(",")):
            continue
        tree = mount / controller if controllers else mount
        found += [tree.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def cpu_limit(root: Path = ROOT) -> float | None:
    """How many cores' time a container may use; None without a limit."""
    limits = (_quota(folder) for folder in cgroups("cpu", root))
    return min((limit for limit in limits if limit), default=None)


def _quota(folder: Path) -> float | None:
    """The limit in cores; None without one, which version 2 writes as "max" and version 1 as -1."""
    v1 = [contents(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
    try:
        quota, period = map(int, contents(folder / "cpu.max").split() or v1)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def memory_limit(total: int, root: Path = ROOT) -> int | None:
    """How many bytes a container may use; None without a limit.

    Version 1 of control groups reports a missing limit as one above `total`, the machine's memory in bytes.
    """
    files = (folder / name for folder in cgroups("memory", root) for name in ("memory.max", "memory.limit_in_bytes"))
    limits = [int(text) for file in files if (text := contents(file)).isdecimal()]
    return min((limit for limit in limits if limit < total), default=None)


def installed(package: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def peak_rss() -> int:
    """The peak of this process's resident memory, in bytes.

    On Linux it is VmHWM, which restarts at exec; getrusage's figure would start at the parent's size.
    """
    if peak := _status_bytes("VmHWM"):
        return peak
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident() -> int:
    """This process's resident memory now, in bytes."""
    if now := _status_bytes("VmRSS"):
        return now
    import psutil

    rss: int = psutil.Process().memory_info().rss
    return rss


def _status_bytes(key: str) -> int | None:
    """An entry of Linux's /proc/self/status in bytes; None on other systems."""
    lines = (line.split() for line in contents(Path("/proc/self/status")).splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[:1] == [f"{key}:"]), None)
