"""What is told of the machine, from files as real machines have them, and of a process's memory."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from edgecnn.bench.host import Host, _cpu_name, this_host

X86 = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz\nmodel\t: 142\n"
)
PI_4 = "processor\t: 0\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
MEBIBYTE = 2**20

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")


def test_this_host_is_the_one_that_the_tests_run_on() -> None:
    host = this_host()
    assert (host.system, host.machine, host.python) == (
        platform.system(),
        platform.machine(),
        platform.python_version(),
    )
    assert host.cores == os.cpu_count()
    assert host.versions["onnxruntime"] == metadata.version("onnxruntime")
    assert host.versions["edgecnn"] == metadata.version("edgecnn")


def test_a_host_without_a_cpu_name_is_called_by_its_machine() -> None:
    host = Host("Linux", "aarch64", "", 4, "3.11.2", {})
    assert str(host) == "aarch64, 4 cores, Linux, Python 3.11.2"


@pytest.mark.parametrize(
    ("cpuinfo", "board", "name"),
    [
        (X86, None, "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz"),
        (PI_4, "Raspberry Pi 4 Model B Rev 1.4\0", "Raspberry Pi 4 Model B Rev 1.4"),
        (PI_4, None, ""),
        ("", None, ""),
        (None, None, platform.processor()),
    ],
)
def test_the_cpu_is_named_by_its_board_or_by_itself(
    cpuinfo: str | None, board: str | None, name: str, tmp_path: Path
) -> None:
    for file, content in (("cpuinfo", cpuinfo), ("model", board)):
        if content is not None:
            (tmp_path / file).write_text(content)
    assert _cpu_name(tmp_path / "cpuinfo", tmp_path / "model") == name


def run(code: str) -> list[int]:
    """The numbers that a new process prints."""
    start = "import subprocess, sys\nfrom edgecnn.bench.host import peak_rss\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]


def test_peak_memory_counts_what_was_used_and_given_back() -> None:
    before, after = run("print(peak_rss()); used = bytearray(b'1') * (100 * 2**20); del used; print(peak_rss())")
    assert 95 * MEBIBYTE < after - before < 120 * MEBIBYTE


@LINUX
def test_peak_memory_does_not_begin_at_that_of_the_process_that_started_this_one() -> None:
    child = "from edgecnn.bench.host import peak_rss; print(peak_rss())"
    start = f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    parent, inherited = run(f"used = bytearray(b'1') * (200 * 2**20); print(peak_rss(), flush=True); {start}")
    assert parent > 200 * MEBIBYTE
    assert inherited < 100 * MEBIBYTE
