"""What is read of the machine while it is measured, and which readings cast issue on figures."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from test_machine import HOST, plant

from edgecnn.host import throttling
from edgecnn.host.watch import Reading, StabilityIssue, Watch, _temperature, judge

QUIET = Reading(
    at_s=0.0,
    governor="performance",
    frequency_mhz=2400.0,
    temperature_c=55.0,
    throttled=0x50000,  # what happened before the run
    on_battery=None,
    busy_s=1000.0,
    steal_s=0.0,
    ours_s=5.0,
    cpu_limited_s=3.0,
    load_1m=1.0,
    driver="cpufreq-dt",
)
LATER = replace(QUIET, at_s=10.0, busy_s=1010.0, ours_s=14.5)
CPUS = "sys/devices/system/cpu"
SPIN = "import time\nwhile time.process_time() < 0.3: pass\n"
UNIX = pytest.mark.skipif(sys.platform == "win32", reason="the fake command is a shell script")


def readings(number: int, **ends: Any) -> list[Reading]:
    """A quiet run of ten seconds; `ends` are what the last reading says."""
    steps = [replace(QUIET, at_s=10 * step / (number - 1)) for step in range(number - 1)]
    return [*steps, replace(LATER, **ends)]


def reasons(stability_issues: Iterable[StabilityIssue]) -> list[str]:
    found = list(stability_issues)
    assert all(issue.remedy and not issue.reason.endswith(".") for issue in found)
    return [issue.reason for issue in found]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a vcgencmd on PATH: a shell script of these lines."""

    def install(*lines: str) -> None:
        script = tmp_path / "bin" / "vcgencmd"
        script.parent.mkdir()
        script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    return install


def test_a_reading_holds_what_the_machine_says() -> None:
    watch = Watch()
    first, second = watch.read(), watch.read()
    assert watch.readings == [first, second]
    assert first.at_s < 0.1
    assert second.at_s > first.at_s
    assert second.busy_s >= first.busy_s > 0
    assert second.ours_s >= first.ours_s > 0


def test_cpu_seconds_of_children_are_ours_while_they_live_and_when_they_have_ended() -> None:
    watch = Watch()
    before = watch.read().ours_s
    child = subprocess.Popen(
        [sys.executable, "-c", f"{SPIN}print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    living = watch.read().ours_s
    child.communicate(b"\n")
    ended = watch.read().ours_s
    assert living - before >= 0.25
    assert ended >= living - 0.02


def test_a_child_that_ends_while_it_is_asked_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(process: psutil.Process) -> None:
        raise psutil.NoSuchProcess(process.pid)

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setattr(psutil.Process, "cpu_times", gone)
    assert Watch().read().ours_s >= 0
    child.communicate(b"\n")


@pytest.mark.parametrize(
    ("governors", "expected"),
    [
        ({"cpu0": "performance\n", "cpu1": "performance\n"}, "performance"),
        ({"cpu0": "powersave\n", "cpu10": "performance\n"}, "performance,powersave"),
        ({}, None),
    ],
)
def test_the_governor_is_that_of_every_cpu(governors: dict[str, str], expected: str | None, tmp_path: Path) -> None:
    plant(tmp_path, {f"{CPUS}/{cpu}/cpufreq/scaling_governor": text for cpu, text in governors.items()})
    plant(tmp_path, {f"{CPUS}/cpufreq/nothing": "", f"{CPUS}/cpu0/cpufreq/scaling_driver": "cpufreq-dt\n"})
    reading = Watch(tmp_path).read()
    assert (reading.governor, reading.driver) == (expected, "cpufreq-dt")


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        ({"cpu.stat": "usage_usec 9\nnr_throttled 4\nthrottled_usec 2500000\n"}, 2.5),
        ({"cpu/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 1500000000\n"}, 1.5),
        ({"cpu.stat": "usage_usec 9\n"}, None),
        ({}, None),
    ],
)
def test_a_container_counts_how_long_it_was_stopped(
    files: dict[str, str], seconds: float | None, tmp_path: Path
) -> None:
    plant(tmp_path, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert Watch(tmp_path).read().cpu_limited_s == seconds


@pytest.mark.parametrize(
    "path", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"], ids=["Raspberry Pi 4", "Raspberry Pi 5"]
)
def test_the_kernel_tells_of_throttling(path: str, tmp_path: Path) -> None:
    plant(tmp_path, {f"sys/devices/platform/{path}/get_throttled": "50005\n"})
    assert Watch(tmp_path).read().throttled == 0x50005


@UNIX
def test_else_the_firmwares_command_does(command: Any, tmp_path: Path) -> None:
    command('[ "$1" = get_throttled ] && echo throttled=0x50005')
    assert throttling.throttled(tmp_path) == 0x50005


@UNIX
@pytest.mark.parametrize("line", ["exit 1", "echo VCHI initialization failed", "sleep 9", "echo throttled=0x1; exit 2"])
def test_a_command_that_fails_tells_nothing(
    line: str, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "TIMEOUT", 0.2)
    command(f"exec {line}" if line.startswith("sleep") else line)
    assert throttling.throttled(tmp_path) is None


def test_without_file_and_command_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert throttling.throttled(tmp_path) is None


@pytest.mark.parametrize(
    ("sensors", "expected"),
    [
        ({"cpu_thermal": [48.7]}, 48.7),
        ({"coretemp": [61.0, 66.0, None], "nvme": [80.0]}, 66.0),
        ({"k10temp": [255.0, -273.0, 0.0]}, None),
        ({"rp1_adc": [52.0], "iwlwifi_1": [70.0]}, None),
        ({}, None),
    ],
)
def test_the_temperature_is_the_hottest_of_the_cpus(
    sensors: dict[str, list[float | None]], expected: float | None
) -> None:
    found = {chip: [SimpleNamespace(current=value) for value in values] for chip, values in sensors.items()}
    assert _temperature(found) == expected


@pytest.mark.parametrize(
    ("battery", "expected"),
    [(None, None), (True, False), (False, True)],
)
def test_power_is_the_batterys(battery: bool | None, expected: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = None if battery is None else SimpleNamespace(power_plugged=battery)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: found, raising=False)
    assert Watch().read().on_battery is expected


def test_a_system_without_sensors_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise NotImplementedError

    for name in ("sensors_battery", "sensors_temperatures"):
        monkeypatch.delattr(psutil, name, raising=False)
    monkeypatch.setattr(psutil, "cpu_freq", broken)
    reading = Watch().read()
    assert (reading.on_battery, reading.temperature_c, reading.frequency_mhz) == (None, None, None)


def test_a_quiet_run_gives_no_doubt() -> None:
    assert judge(HOST, readings(12), {"onnx-int8": 1.1, "tf-call": 0.9}) == ()


def test_a_machine_that_says_little_gives_no_doubt() -> None:
    silent = replace(
        QUIET, governor=None, frequency_mhz=None, temperature_c=None, throttled=None, cpu_limited_s=None, load_1m=None
    )
    assert judge(HOST, [silent, replace(silent, at_s=10.0)], {}) == ()
    assert judge(HOST, [silent], {}) == ()
    assert judge(HOST, [], {}) == ()


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ({"throttled": 0x50001}, "the board reported under-voltage"),
        ({"throttled": 0x5000C}, "the board reported throttling, the soft temperature limit"),
        ({"throttled": 0x70000}, "the board reported a capped clock"),
        ({"temperature_c": 83.2}, "the CPU reached 83 °C"),
        ({"governor": "powersave"}, "the CPU frequency governor is powersave (driver cpufreq-dt)"),
        ({"governor": "performance,powersave", "driver": None}, "the CPU frequency governor is powersave"),
        ({"on_battery": True}, "the machine ran on its battery"),
        ({"busy_s": 1021.0}, "other programs kept 1.1 of 4 cores busy"),
        ({"steal_s": 3.0}, "the hypervisor gave 8% of this machine's CPU time to other machines"),
        ({"cpu_limited_s": 3.5}, "the container's CPU limit stopped this process for 0.5 s of 10.0 s"),
    ],
)
def test_what_disturbs_a_run_is_told(ends: dict[str, Any], reason: str) -> None:
    assert reasons(judge(HOST, readings(5, **ends), {})) == [reason]


@pytest.mark.parametrize(
    "ends",
    [
        {"throttled": 0x10000},  # the kernel has forgotten one of what happened before
        {"temperature_c": 79.0},
        {"governor": "schedutil"},
        {"on_battery": False},
        {"busy_s": 1019.0},
        {"busy_s": 1000.0},
        {"steal_s": 1.9},
        {"cpu_limited_s": 3.09},
        {"frequency_mhz": 1000.0},  # a moment of idleness
    ],
)
def test_what_is_within_bounds_is_not(ends: dict[str, Any]) -> None:
    assert judge(HOST, readings(8, **ends), {}) == ()


def test_throttling_that_comes_back_is_told_though_it_had_happened_before() -> None:
    bits = (0x50000, 0x0, 0x10000)
    run = [replace(QUIET, at_s=float(at), busy_s=1000.0, throttled=value) for at, value in enumerate(bits)]
    assert reasons(judge(HOST, run, {})) == ["the board reported under-voltage"]
    assert "power supply" in judge(HOST, run, {})[0].remedy


def test_a_falling_clock_is_told_and_a_rising_one_is_not() -> None:
    fallen = [replace(QUIET, frequency_mhz=clock) for clock in (2400.0, 2400.0, 1500.0, 1510.0)]
    assert reasons(judge(HOST, fallen, {})) == ["the CPU's clock fell from 2400 to 1510 MHz"]
    assert judge(HOST, fallen[::-1], {}) == ()
    assert judge(HOST, fallen[1:], {}) == (), "three readings have no halves"


def test_a_run_too_short_for_the_kernels_ticks_is_not_judged_by_load() -> None:
    assert judge(HOST, [QUIET, replace(QUIET, at_s=0.1, busy_s=1001.0, steal_s=1.0)], {}) == ()


def test_drift_names_the_contenders() -> None:
    drifts = {"edge/onnx-int8": 1.25, "onnx-float32": 1.0, "tf-call": 0.8}
    assert reasons(judge(HOST, readings(3), drifts)) == [
        "latency changed between the two halves of the run: edge/onnx-int8 by +25%, tf-call by -20%"
    ]


def test_every_doubt_is_told_at_once() -> None:
    ends = {"throttled": 0xF, "temperature_c": 90.0, "governor": "powersave", "on_battery": True}
    loads = {"busy_s": 1030.0, "steal_s": 9.0, "cpu_limited_s": 9.0}
    assert len(judge(HOST, readings(4, **ends, **loads), {"onnx-int8": 2.0})) == 8
