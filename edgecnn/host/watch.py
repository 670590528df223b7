"""Reads the machine's state during a measurement, and judges whether the figures can be trusted."""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_high
from typing import Any

import psutil

from edgecnn.host import throttling
from edgecnn.host.machine import ROOT, Host, cgroups, contents, usable_cpus
from edgecnn.host.throttling import COOL

OTHER_LOAD = 0.25  # share of the host's cores that other programs may use
STOLEN = 0.05  # share of the CPU time that the hypervisor may give to others
LIMITED = 0.01  # share of the time that a container's limit may stop it
DRIFT = 0.10  # relative change allowed between the halves of a run
HOT = 80.0  # °C, at which a Raspberry Pi starts to slow down
SHORTEST = 0.5  # seconds; the kernel counts in 10 ms ticks, too coarse for shares of a shorter time
FEWEST = 4  # readings of the frequency, two for each half of the run
CPU_SENSORS = re.compile(r"cpu|core|k10temp|zenpower|soc|pkg", re.IGNORECASE)
SET_GOVERNOR = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


@dataclass(frozen=True)
class Reading:
    """The machine's state `at_s` seconds after the first reading. A value that the machine does not report is None.

    `governor` and `driver` are the CPUs' frequency governor and driver; different ones are separated by commas.
    `frequency_mhz` is the fastest CPU's, because idle ones slow down by themselves. `throttled` holds a Raspberry Pi's
    bits. `busy_s` and `steal_s` are cumulative seconds of the CPUs that this process may use, and `ours_s` those of
    this process and all its descendants. `cpu_limited_s` is the time for which a container's limit has stopped it.
    """

    at_s: float
    governor: str | None
    frequency_mhz: float | None
    temperature_c: float | None
    throttled: int | None
    on_battery: bool | None
    busy_s: float
    steal_s: float
    ours_s: float
    cpu_limited_s: float | None
    load_1m: float | None
    driver: str | None = None  # recorded because "powersave" means different things with different drivers


@dataclass(frozen=True)
class StabilityIssue:
    """A reason to doubt the figures, and what to do about it."""

    reason: str
    remedy: str


class Watch:
    """Takes readings and keeps them, in order, in `readings`. `root` is the folder that holds the system's files."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.readings: list[Reading] = []
        self._started = time.monotonic()

    def read(self) -> Reading:
        """Take a reading. It takes some hundredths of a second, so do it between measurements."""
        if not self.readings:
            self._started = time.monotonic()
        at_s = time.monotonic() - self._started
        busy, steal = _cpu_seconds()
        reading = Reading(
            at_s=at_s,
            busy_s=busy,
            steal_s=steal,
            ours_s=_our_seconds(),
            governor=_every(self.root, "scaling_governor"),
            frequency_mhz=_frequency(),
            temperature_c=_temperature(_ask("sensors_temperatures") or {}),
            throttled=throttling.throttled(self.root),
            on_battery=_on_battery(),
            cpu_limited_s=_limited_seconds(self.root),
            load_1m=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            driver=_every(self.root, "scaling_driver"),
        )
        self.readings.append(reading)
        return reading


def _ask(name: str, *arguments: Any) -> Any:
    """Call the psutil function of that name; None if this system does not support it."""
    try:
        return getattr(psutil, name)(*arguments)
    except (AttributeError, NotImplementedError, OSError, RuntimeError, ValueError):
        return None


def _cpu_seconds() -> tuple[float, float]:
    """Busy and stolen seconds of the CPUs that this process may use; load on other CPUs does not disturb it."""
    every = psutil.cpu_times(percpu=True)
    ours = [every[number] for number in usable_cpus() if number < len(every)]
    kinds = ("user", "nice", "system", "irq", "softirq")
    busy = sum(getattr(times, kind, 0.0) for times in ours for kind in kinds)
    return busy, sum(getattr(times, "steal", 0.0) for times in ours)


def _our_seconds() -> float:
    """CPU seconds of this process, its ended children (which the kernel adds to their parent) and its living ones."""
    children = psutil.Process().children(recursive=True)
    return sum(os.times()[:4]) + sum(map(_seconds, children))


def _seconds(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))  # user, system, and the same of its ended children
    except psutil.Error:  # it has just ended
        return 0.0


def _every(root: Path, name: str) -> str | None:
    """A frequency setting of all CPUs: each different value once."""
    files = (root / "sys/devices/system/cpu").glob(f"cpu[0-9]*/cpufreq/{name}")
    return ",".join(sorted({text for file in files if (text := contents(file))})) or None


def _frequency() -> float | None:
    each = _ask("cpu_freq", True) or []  # percpu
    return max((cpu.current for cpu in each if cpu.current), default=None)


def _temperature(sensors: Mapping[str, Sequence[Any]]) -> float | None:
    """The hottest of the CPU's sensors in °C. Broken sensors, which report 0, -273 or 255, are ignored."""
    values = [
        sensor.current
        for chip, found in sensors.items()
        if CPU_SENSORS.search(chip)
        for sensor in found
        if sensor.current is not None and 0 < sensor.current < 130
    ]
    return max(values, default=None)


def _on_battery() -> bool | None:
    battery = _ask("sensors_battery")
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged


def _limited_seconds(root: Path) -> float | None:
    """Seconds that a container's CPU limit has taken. Version 2 of control groups counts µs, version 1 counts ns."""
    units = {"throttled_usec": 1e6, "throttled_time": 1e9}
    lines = [line.split() for folder in cgroups("cpu", root) for line in contents(folder / "cpu.stat").splitlines()]
    found = [int(words[1]) / units[words[0]] for words in lines if len(words) == 2 and words[0] in units]
    return sum(found) if found else None


def judge(host: Host, readings: Sequence[Reading], drifts: Mapping[str, float]) -> tuple[StabilityIssue, ...]:
    """Every reason to doubt what was measured between the first and last reading. A run with any is unstable.

    `drifts` maps each contender to the median time of its second half divided by that of its first half. Load is
    judged over the whole run: contenders take turns, so a short burst affects all of them, and a long one causes drift.
    """
    found = [*_states(readings), *_clock(readings), *_drift(drifts)]
    if readings and readings[-1].at_s - readings[0].at_s >= SHORTEST:
        found += _loads(host, readings[0], readings[-1])
    return tuple(found)


def _states(readings: Sequence[Reading]) -> Iterator[StabilityIssue]:
    """Problems that count even if a single reading shows them."""
    if bits := throttling.during([reading.throttled for reading in readings if reading.throttled is not None]):
        yield StabilityIssue(f"the board reported {throttling.spell(bits)}", throttling.remedy(bits))
    hottest = max((reading.temperature_c or 0.0 for reading in readings), default=0.0)
    if hottest >= HOT:
        yield StabilityIssue(f"the CPU reached {hottest:.0f} °C", COOL)
    if slow := next((reading for reading in readings if is_slow(reading)), None):
        # intel_pstate's powersave raises the clock only under load, so a short query runs at a low clock
        driver = f" (driver {slow.driver})" if slow.driver else ""
        yield StabilityIssue(f"the CPU frequency governor is powersave{driver}", SET_GOVERNOR)
    if any(reading.on_battery for reading in readings):
        yield StabilityIssue("the machine ran on its battery", "plug it in")


def is_slow(reading: Reading) -> bool:
    """Whether any CPU's governor is powersave."""
    return "powersave" in (reading.governor or "").split(",")


def _clock(readings: Sequence[Reading]) -> Iterator[StabilityIssue]:
    """Compare the two halves of the run by their upper medians, because an idle moment gives a low reading."""
    known = [reading.frequency_mhz for reading in readings if reading.frequency_mhz]
    half = len(known) // 2
    if len(known) < FEWEST:
        return
    before, after = median_high(known[:half]), median_high(known[-half:])
    if after < (1 - DRIFT) * before:
        yield StabilityIssue(f"the CPU's clock fell from {before:.0f} to {after:.0f} MHz", COOL)


def _loads(host: Host, start: Reading, end: Reading) -> Iterator[StabilityIssue]:
    elapsed = end.at_s - start.at_s
    other = (end.busy_s - start.busy_s - (end.ours_s - start.ours_s)) / elapsed
    if other > OTHER_LOAD * host.cores:
        yield StabilityIssue(
            f"other programs kept {other:.1f} of {host.cores} cores busy", "close them, or measure later"
        )
    stolen = (end.steal_s - start.steal_s) / (elapsed * host.cores)
    if stolen > STOLEN:
        reason = f"the hypervisor gave {stolen:.0%} of this machine's CPU time to other machines"
        yield StabilityIssue(reason, "measure when it is less busy, or on a physical machine")
    limited = (end.cpu_limited_s or 0.0) - (start.cpu_limited_s or 0.0)
    if limited > LIMITED * elapsed:
        reason = f"the container's CPU limit stopped this process for {limited:.1f} s of {elapsed:.1f} s"
        yield StabilityIssue(reason, "raise the limit, or measure with fewer --threads")


def _drift(drifts: Mapping[str, float]) -> Iterator[StabilityIssue]:
    drifted = [name for name, ratio in drifts.items() if not 1 - DRIFT <= ratio <= 1 + DRIFT]
    if drifted:
        named = ", ".join(f"{name} by {drifts[name] - 1:+.0%}" for name in drifted)
        reason = f"latency changed between the two halves of the run: {named}"
        yield StabilityIssue(reason, "close other programs, and measure longer with --duration")
