"""A qemu that counts the instructions that an emulated processor executes, made under build/emulated/counting.

Debian's current qemu is linked statically and takes no plugins, so this is that of Debian bookworm, with count.c as its
plugin. It does not show the emulated CPU's /proc/cpuinfo, by which runtimes choose their kernels: each CPU has a root
folder with the one that the current qemu shows.

An x86-64 processor without VNNI is emulated too. It runs this very Python, with its packages.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.devices import debian, emulator
from benchmarks.lib import paths
from benchmarks.lib.results import write_text

WORK = emulator.WORK / "counting"
QEMU, HEADER, PEERS, ROOTS = WORK / "qemu", WORK / "qemu-plugin.h", WORK / "peers", WORK / "roots"
PLUGIN = WORK / "count.so"
SOURCE = Path(__file__).with_name("count.c")
PACKAGES = ("qemu-user", "libcapstone4", "libglib2.0-0", "libnuma1", "liburing2")
LIBRARIES = QEMU / "usr/lib/x86_64-linux-gnu"
WITHOUT_VNNI = "Haswell"  # an x86-64 processor with AVX2
PEER_PACKAGES = ("ai-edge-litert", "MNN", "ncnn")
RUNTIME_PACKAGES = ("ai_edge_litert", "mnn", "ncnn", "numpy", "onnxruntime")  # as their folders are called
# Whatever may differ from one process to the next is fixed: the order in sets, and what onnxruntime does by the way.
FIXED = {"PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1", "ORT_DISABLE_TELEMETRY": "1"}


def prepare() -> None:
    """Prepare whatever is missing. Raises EmulatorError."""
    emulator.prepare()
    emulator.make_whole(QEMU, _unpack_qemu)
    emulator.make_whole(HEADER, _unpack_header)
    emulator.make_whole(PEERS, _install_peers)
    emulator.make_whole(ROOTS, _make_roots)
    options = ("-Wall", "-Wextra", "-Wno-unused-parameter", "-O2", "-fPIC", "-shared", "-I", str(WORK))
    debian.output("gcc", *options, "-o", str(PLUGIN), str(SOURCE))


def run(
    cpu: str, arguments: Sequence[str], packages: Path, text: str, timeout: float
) -> tuple[subprocess.CompletedProcess[str], list[int]]:
    """Run `python3 ARGUMENTS` on an emulated CPU with `text` as its input, and with the edgecnn in `packages`.

    `cpu` is one of emulator.CPUS or WITHOUT_VNNI, which runs the edgecnn of this program instead. Returns what came of
    it, and for each call of os.getppid() the instructions that its thread had executed. Raises TimeoutExpired after
    `timeout` seconds.
    """
    with tempfile.TemporaryDirectory() as scratch:
        counts = Path(scratch) / "counts"
        command = [*_qemu(cpu, packages, counts), *arguments]
        environment = {"LD_LIBRARY_PATH": str(LIBRARIES), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, timeout=timeout, check=False
        )
        return done, [int(line) for line in counts.read_text(encoding="utf-8").splitlines()]


def versions() -> dict[str, str]:
    """The versions of what runs there."""
    program = str(QEMU / "usr/bin/qemu-aarch64")
    qemu = debian.output("env", f"LD_LIBRARY_PATH={LIBRARIES}", program, "--version").split()[2]
    installed = [path.stem for folder in (emulator.WHEELS, PEERS) for path in folder.glob("*.dist-info")]
    named = dict(name.split("-", 1) for name in installed)
    return {"qemu": qemu, "debian": emulator.DEBIAN} | {name: named[name] for name in RUNTIME_PACKAGES}


def _qemu(cpu: str, packages: Path, counts: Path) -> list[str]:
    """The command of the emulated python3."""
    is_arm = cpu in emulator.CPUS
    places = (packages, emulator.WHEELS, PEERS) if is_arm else (paths.ROOT, Path(sysconfig.get_path("platlib")))
    # Nothing that was measured on this machine may choose a file there.
    given = {
        **FIXED,
        "XDG_CACHE_HOME": str(counts.parent),
        "PYTHONPATH": ":".join(map(str, places)),
        "PYTHONPYCACHEPREFIX": str(emulator.WORK / "pycache"),
    }
    told = [word for name, value in given.items() for word in ("-E", f"{name}={value}")]
    options = ["-cpu", cpu, "-plugin", f"{PLUGIN},out={counts}", "-U", "LD_LIBRARY_PATH", *told]
    programs = QEMU / "usr/bin"
    if not is_arm:
        return [str(programs / "qemu-x86_64"), *options, os.path.realpath(sys.executable)]
    python = str(emulator.SYSTEM / "usr/bin/python3")
    return [str(programs / "qemu-aarch64"), *options, "-L", str(ROOTS / cpu), python]


def _unpack_qemu(path: Path, scratch: Path) -> None:
    debian.unpack_packages(emulator.DEBIAN, PACKAGES, scratch).rename(path)


def _unpack_header(path: Path, scratch: Path) -> None:
    """No package has it, so it is taken from qemu's source."""
    debian.unpack_source(emulator.DEBIAN, "qemu", f"include/qemu/{HEADER.name}", scratch).rename(path)


def _install_peers(path: Path, _: Path) -> None:
    """What else they need is among the prepared wheels."""
    emulator.install_wheels(path, "--no-deps", *PEER_PACKAGES)


def _make_roots(path: Path, _: Path) -> None:
    for cpu in emulator.CPUS:
        root = path / cpu
        (root / "proc").mkdir(parents=True)
        for entry in emulator.SYSTEM.iterdir():
            if entry.name != "proc":
                (root / entry.name).symlink_to(entry)
        write_text(
            root / "proc/cpuinfo", debian.output(str(emulator.python(cpu)), "-c", "print(open('/proc/cpuinfo').read())")
        )
