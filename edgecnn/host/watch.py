"""Reads what changes on the machine while it is measured, and judges whether the figures may be believed."""

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

OTHER_LOAD = 0.25  # of the host's cores: so much may other programs use
STOLEN = 0.05  # of the CPU time
LIMITED = 0.01  # of the elapsed time
DRIFT = 0.10  # between the halves of a run
HOT = 80.0  # °C: where a Raspberry Pi begins to slow down
SHORTEST = 0.5  # seconds; in less, the kernel's ticks of 10 ms say little about shares
FEWEST = 4  # readings of the frequency: two for each half
CPU_SENSORS = re.compile(r"cpu|core|k10temp|zenpower|soc|pkg", re.IGNORECASE)
SET_GOVERNOR = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


@dataclass(frozen=True)
class Reading:
    """The machine at one moment, `at_s` seconds after the first reading; None for what it does not say.

    `governor` is that of every CPU, or of several with commas between. `frequency_mhz` is the fastest CPU's, for idle
    ones slow down by themselves. `throttled` are a Raspberry Pi's bits. Cumulative CPU seconds: `busy_s` and `steal_s`
    of the CPUs that this process may use, `ours_s` of this process, its children and theirs. `cpu_limited_s` is how
    long a container's limit has stopped it.
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
    driver: str | None = None  # of the frequency: some give "powersave" a meaning of their own


@dataclass(frozen=True)
class StabilityIssue:
    """Why figures may not be believed, and what to do about it."""

    reason: str
    remedy: str


class Watch:
    """Takes readings; `readings` holds them in order. `root` is where the system's files are."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.readings: list[Reading] = []
        self._started = time.monotonic()

    def read(self) -> Reading:
        """Take a reading: some hundredths of a second, so between measurements and not in one."""
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
    """What psutil's function of that name returns; None where this system has no such thing."""
    try:
        return getattr(psutil, name)(*arguments)
    except (AttributeError, NotImplementedError, OSError, RuntimeError, ValueError):
        return None


def _cpu_seconds() -> tuple[float, float]:
    """Busy and stolen: of the CPUs this process is bound to, for what runs on others does not disturb it."""
    every = psutil.cpu_times(percpu=True)
    ours = [every[number] for number in usable_cpus() if number < len(every)]
    kinds = ("user", "nice", "system", "irq", "softirq")
    busy = sum(getattr(times, kind, 0.0) for times in ours for kind in kinds)
    return busy, sum(getattr(times, "steal", 0.0) for times in ours)


def _our_seconds() -> float:
    """Of this process, its children that have ended (the kernel adds them to their parent) and those that live."""
    children = psutil.Process().children(recursive=True)
    return sum(os.times()[:4]) + sum(map(_seconds, children))


def _seconds(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))  # user, system, and the same of its ended children
    except psutil.Error:  # it has just ended
        return 0.0


def _every(root: Path, name: str) -> str | None:
    """What the CPUs' frequency settings say, each different value once."""
    files = (root / "sys/devices/system/cpu").glob(f"cpu[0-9]*/cpufreq/{name}")
    return ",".join(sorted({text for file in files if (text := contents(file))})) or None


def _frequency() -> float | None:
    each = _ask("cpu_freq", True) or []  # percpu
    return max((cpu.current for cpu in each if cpu.current), default=None)


def _temperature(sensors: Mapping[str, Sequence[Any]]) -> float | None:
    """The hottest of the CPU's sensors; one that is broken says 0, -273 or 255."""
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
    """Version 2 of control groups counts microseconds, version 1 nanoseconds."""
    units = {"throttled_usec": 1e6, "throttled_time": 1e9}
    lines = [line.split() for folder in cgroups("cpu", root) for line in contents(folder / "cpu.stat").splitlines()]
    found = [int(words[1]) / units[words[0]] for words in lines if len(words) == 2 and words[0] in units]
    return sum(found) if found else None


def judge(host: Host, readings: Sequence[Reading], drifts: Mapping[str, float]) -> tuple[StabilityIssue, ...]:
    """Every reason to issue what was measured between the first reading and the last; a run with any is unstable.

    `drifts` has for each contender its second half's median over its first half's. Loads are judged over the whole run
    only: contenders take turns, so a short burst meets all alike, and one that tells shows up as drift.
    """
    found = [*_states(readings), *_clock(readings), *_drift(drifts)]
    if readings and readings[-1].at_s - readings[0].at_s >= SHORTEST:
        found += _loads(host, readings[0], readings[-1])
    return tuple(found)


def _states(readings: Sequence[Reading]) -> Iterator[StabilityIssue]:
    """What must not be so at any moment of the run."""
    if bits := throttling.during([reading.throttled for reading in readings if reading.throttled is not None]):
        yield StabilityIssue(f"the board reported {throttling.spell(bits)}", throttling.remedy(bits))
    hottest = max((reading.temperature_c or 0.0 for reading in readings), default=0.0)
    if hottest >= HOT:
        yield StabilityIssue(f"the CPU reached {hottest:.0f} °C", COOL)
    if slow := next((reading for reading in readings if is_slow(reading)), None):
        # intel_pstate's powersave does raise the clock, but only under load: a short query meets a low one
        driver = f" (of {slow.driver})" if slow.driver else ""
        yield StabilityIssue(f"the CPU frequency governor is powersave{driver}", SET_GOVERNOR)
    if any(reading.on_battery for reading in readings):
        yield StabilityIssue("the machine ran on its battery", "plug it in")


def is_slow(reading: Reading) -> bool:
    """Whether any CPU's governor is powersave."""
    return "powersave" in (reading.governor or "").split(",")


def _clock(readings: Sequence[Reading]) -> Iterator[StabilityIssue]:
    """Compares the halves' higher medians: one low reading is a moment of idleness."""
    known = [reading.frequency_mhz for reading in readings if reading.frequency_mhz]
    half = len(known) // 2
    if len(known) < FEWEST:
        return
    before, after = median_high(known[:half]), median_high(known[-half:])
    if after < (1 - DRIFT) * before:
        yield StabilityIssue(f"the CPU's clock fell from {before:.0f} to {after:.0f} MHz", COOL)


def _loads(host: Host, start: Reading, end: Reading) -> Iterator[StabilityIssue]:
    elapsed = end.at_s - start.at_s
    foreign = (end.busy_s - start.busy_s - (end.ours_s - start.ours_s)) / elapsed
    if foreign > OTHER_LOAD * host.cores:
        yield StabilityIssue(
            f"other programs kept {foreign:.1f} of {host.cores} cores busy", "close them, or measure later"
        )
    stolen = (end.steal_s - start.steal_s) / (elapsed * host.cores)
    if stolen > STOLEN:
        reason = f"the hypervisor gave {stolen:.0%} of this machine's CPU time to others"
        yield StabilityIssue(reason, "measure when it is less busy, or on a machine that is not virtual")
    limited = (end.cpu_limited_s or 0.0) - (start.cpu_limited_s or 0.0)
    if limited > LIMITED * elapsed:
        reason = f"the container's CPU limit stopped it for {limited:.1f} s in {elapsed:.1f} s"
        yield StabilityIssue(reason, "raise the limit, or measure with fewer --threads")


def _drift(drifts: Mapping[str, float]) -> Iterator[StabilityIssue]:
    drifted = [name for name, ratio in drifts.items() if not 1 - DRIFT <= ratio <= 1 + DRIFT]
    if drifted:
        named = ", ".join(f"{name} by {drifts[name] - 1:+.0%}" for name in drifted)
        reason = f"latency changed between the halves of the run: {named}"
        yield StabilityIssue(reason, "close other programs, and measure longer with --duration")
