"""What is told of the machine, from files as real machines have them, and of a process's memory."""

import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import psutil
import pytest

from edgecnn.host.machine import (
    GIBIBYTE,
    Host,
    cgroups,
    cpu_flags,
    cpu_limit,
    cpu_name,
    fingerprint,
    instruction_sets,
    memory_limit,
    peak_rss,
    resident,
    this_clock,
    this_host,
    usable_cpus,
)

LAPTOP = """\
processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 142
model name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz
flags\t\t: fpu vme sse sse2 ht syscall nx ssse3 fma sse4_1 sse4_2 popcnt aes xsave avx f16c bmi1 avx2 bmi2
vmx flags\t: vnmi preemption_timer

processor\t: 1
"""
SERVER = """\
processor\t: 0
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx f16c bmi1 avx2 avx512f avx512bw avx512vl avx_vnni avx512_bf16 avx512_vnni amx_tile amx_int8
"""
PI_4 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08

Revision\t: c03114
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
PI_5 = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b
"""
GRAVITON = """\
processor\t: 0
Features\t: fp asimd evtstrm atomics fphp asimdhp cpuid asimdrdm asimddp sve svei8mm i8mm bf16
CPU part\t: 0xd40
"""
OLD_PI = "model name\t: ARMv7 Processor rev 4 (v7l)\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 crc32\n"
MEBIBYTE = 2**20
HOST = Host("Linux", "aarch64", "", None, 4, (), 4 * GIBIBYTE, None, None, "3.11.2", {})

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write files as a system has them, by their paths under its root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def grouped(root: Path, files: Mapping[str, str]) -> Path:
    """Write files of control groups, by their paths where those are mounted."""
    return plant(root, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})


def test_this_host_is_the_one_that_the_tests_run_on() -> None:
    host = this_host()
    assert (host.system, host.machine, host.python) == (
        platform.system(),
        platform.machine(),
        platform.python_version(),
    )
    assert host.cores == len(usable_cpus())
    assert host.memory_bytes == psutil.virtual_memory().total
    assert host.versions["onnxruntime"] == metadata.version("onnxruntime")
    assert host.versions["edgecnn"] == metadata.version("edgecnn")


@LINUX
def test_cores_are_those_that_the_process_may_use() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from edgecnn.host.machine import this_host; print(this_host().cores)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_fake_raspberry_pi_is_told_with_board_and_limits(tmp_path: Path) -> None:
    root = plant(tmp_path, {"proc/cpuinfo": PI_5})
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    grouped(root, {"cpu.max": "150000 100000\n", "memory.max": "1048576\n"})
    host = this_host(root)
    assert (host.board, host.cpu) == ("Raspberry Pi 5 Model B Rev 1.0", "Cortex-A76")
    assert (host.instruction_sets, host.cpu_limit, host.memory_limit) == (("NEON", "dotprod"), 1.5, MEBIBYTE)
    cores = "1 core" if host.cores == 1 else f"{host.cores} cores"
    assert str(host) == (
        f"Raspberry Pi 5 Model B Rev 1.0, Cortex-A76, {cores} limited to 1.5, {platform.system()}, "
        f"Python {platform.python_version()}, with NEON, dotprod"
    )


def test_a_host_without_a_cpu_name_is_called_by_its_machine() -> None:
    assert str(HOST) == "aarch64, 4 cores, Linux, Python 3.11.2"
    assert str(replace(HOST, cores=1)) == "aarch64, 1 core, Linux, Python 3.11.2"


@pytest.mark.parametrize(
    ("cpuinfo", "name", "sets"),
    [
        (LAPTOP, "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", ("AVX2",)),
        (SERVER, "AMD EPYC", ("AVX2", "AVX-512 VNNI", "AVX-VNNI", "AMX")),
        (PI_4, "Cortex-A72", ("NEON",)),
        (PI_5, "Cortex-A76", ("NEON", "dotprod")),
        (GRAVITON, "Neoverse-V1", ("NEON", "dotprod", "i8mm", "SVE")),
        (OLD_PI, "ARMv7 Processor rev 4 (v7l)", ("NEON",)),
        ("CPU part\t: 0xfff\n", "", ()),
        ("", "", ()),
    ],
)
def test_name_and_instruction_sets_come_from_the_kernel(
    cpuinfo: str, name: str, sets: tuple[str, ...], tmp_path: Path
) -> None:
    root = plant(tmp_path, {"proc/cpuinfo": cpuinfo})
    assert (cpu_name(root), instruction_sets(root)) == (name, sets)


def test_a_system_without_cpuinfo_says_less(tmp_path: Path) -> None:
    assert (cpu_name(tmp_path), instruction_sets(tmp_path)) == (platform.processor(), ())
    assert cpu_flags(tmp_path) == frozenset()
    assert this_host(tmp_path).board is None


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "200000 100000\n"}, 2.0),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_a_container_limits_the_cores(files: dict[str, str], limit: float | None, tmp_path: Path) -> None:
    assert cpu_limit(grouped(tmp_path, files)) == limit


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "536870912\n"}, 2**29),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "536870912\n"}, 2**29),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_a_container_limits_the_memory(files: dict[str, str], limit: int | None, tmp_path: Path) -> None:
    assert memory_limit(GIBIBYTE, grouped(tmp_path, files)) == limit


def test_the_strictest_limit_above_a_process_holds(tmp_path: Path) -> None:
    root = plant(tmp_path, {"proc/self/cgroup": "0::/user.slice/bench.scope\n"})
    grouped(
        root,
        {"user.slice/cpu.max": "100000 100000", "user.slice/bench.scope/cpu.max": "300000 100000", "cpu.max": "max 1"},
    )
    assert cpu_limit(root) == 1.0


def test_version_1_has_a_tree_for_each_controller(tmp_path: Path) -> None:
    root = plant(tmp_path, {"proc/self/cgroup": "7:memory:/box\n4:cpu,cpuacct:/box\n1:name=systemd:/box\n0::/\n"})
    grouped(
        root,
        {
            "cpu/box/cpu.cfs_quota_us": "25000",
            "cpu/box/cpu.cfs_period_us": "100000",
            "memory/box/memory.limit_in_bytes": "4096",
        },
    )
    assert (cpu_limit(root), memory_limit(GIBIBYTE, root)) == (0.25, 4096)


@pytest.mark.parametrize("line", ["0::/../../elsewhere", "nonsense", "", "4:cpu:/not/visible/in/here"])
def test_a_group_that_cannot_be_seen_is_passed_over(line: str, tmp_path: Path) -> None:
    root = grouped(plant(tmp_path / "root", {"proc/self/cgroup": line}), {"cpu.max": "100000 100000"})
    assert [folder.relative_to(root) for folder in cgroups("cpu", root)] == [Path("sys/fs/cgroup")]


def test_identity_is_the_hardware_not_the_software() -> None:
    other = replace(HOST, python="3.13.1", versions={"numpy": "2"}, memory_bytes=HOST.memory_bytes - 100 * MEBIBYTE)
    assert other.identity == HOST.identity
    for change in ({"cores": 2}, {"cpu": "Cortex-A72"}, {"cpu_limit": 1.0}, {"memory_bytes": 8 * GIBIBYTE}):
        assert replace(HOST, **change).identity != HOST.identity


def test_the_clock_steps_finely_and_reads_quickly() -> None:
    clock = this_clock()
    assert clock.name
    assert clock.resolution_ns > 0
    assert 1 <= clock.step_ns < 1_000_000
    assert 0 < clock.cost_ns < 1_000_000


def run(code: str) -> list[int]:
    """The numbers that a new process prints."""
    start = "import subprocess, sys\nfrom edgecnn.host.machine import peak_rss, resident\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]


def test_peak_memory_counts_what_was_used_and_given_back() -> None:
    before, after = run("print(peak_rss()); used = bytearray(b'1') * (100 * 2**20); del used; print(peak_rss())")
    assert 95 * MEBIBYTE < after - before < 120 * MEBIBYTE


def test_resident_memory_counts_what_is_in_use_only() -> None:
    before, using, after = run(
        "print(resident()); used = bytearray(b'1') * (100 * 2**20); print(resident()); del used; print(resident())"
    )
    assert 95 * MEBIBYTE < using - before < 120 * MEBIBYTE
    assert after < before + 20 * MEBIBYTE


def test_memory_is_told_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecnn.host.machine._status_bytes", lambda _: None)
    assert resident() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert peak_rss() > MEBIBYTE


@LINUX
def test_peak_memory_does_not_begin_at_that_of_the_process_that_started_this_one() -> None:
    child = "from edgecnn.host.machine import peak_rss; print(peak_rss())"
    start = f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    parent, inherited = run(f"used = bytearray(b'1') * (200 * 2**20); print(peak_rss(), flush=True); {start}")
    assert parent > 200 * MEBIBYTE
    assert inherited < 100 * MEBIBYTE


def test_a_contenders_process_need_not_load_psutil() -> None:
    code = "print(int(resident() > 0), int(peak_rss() > 0), int('psutil' in sys.modules))"
    assert run(code) == [1, 1, 0 if sys.platform == "linux" else 1]


def test_a_fingerprint_tells_cpus_apart_and_nothing_else(tmp_path: Path) -> None:
    laptop, server = (tmp_path / name for name in ("laptop", "server"))
    for root, text in ((laptop, LAPTOP), (server, SERVER)):
        (root / "proc").mkdir(parents=True)
        (root / "proc/cpuinfo").write_text(text)
    assert fingerprint(laptop) != fingerprint(server)
    before = fingerprint(laptop)
    (laptop / "proc/meminfo").write_text("MemTotal: 1 kB")
    assert fingerprint(laptop) == before
    (laptop / "proc/cpuinfo").write_text(LAPTOP.replace("avx2", "avx2 avx_vnni"))
    assert fingerprint(laptop) != before
