"""Checks this machine for training, exporting and running: what was found, and what to do where it falls short."""

import os
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from edgecnn.errors import EdgecnnError
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.host import throttling
from edgecnn.host.machine import Host, cpu_flags, installed, this_host
from edgecnn.host.watch import HOT, SET_GOVERNOR, Reading, Watch, is_slow
from edgecnn.host.wheels import Place, dies_here, lacking, read_table, remedy, this_place

if TYPE_CHECKING:
    from edgecnn.data import Dataset

Status = Literal["ok", "warning", "problem"]

PACKAGE = "edgecnn"
EXTRAS = {"quantize": "quantizing", "train": "training and exporting", "peers": "measuring other runtimes"}
X86_64, ARM64 = ("x86_64", "AMD64"), ("aarch64", "arm64")
INT8_ON_X86 = {"AVX-512 VNNI", "AVX-VNNI", "AMX"}
WARM = 70.0  # °C: so near to HOT that a bench, which keeps the CPU busy, gets there
MEGABYTE = 10**6
# TensorFlow alone takes 600 MB, a training set and its copies the rest; running a model takes 80 MB.
MEMORY_TO_TRAIN, MEMORY_TO_RUN = 1000 * MEGABYTE, 200 * MEGABYTE
DISK_TO_TRAIN, DISK_TO_RUN = 1000 * MEGABYTE, 100 * MEGABYTE
WITHOUT_VNNI = "without VNNI int8 may not pay, and 8-bit weights run exactly but slowly"
COMPARE = "compare the two with 'edgecnn bench' before you choose"

Version = Callable[[str], str | None]


@dataclass(frozen=True)
class Check:
    """One thing examined: what was found, and what to do about it; `remedy` is empty where all is well."""

    topic: str
    status: Status
    found: str
    remedy: str = ""


def examine() -> tuple[Check, ...]:
    """Check everything, in about a second. Neither TensorFlow nor onnx is imported."""
    host, reading = this_host(), Watch().read()
    data, dataset = check_data()
    return (
        *check_installation(),
        check_processor(host, installed("onnxruntime")),
        check_instruction_sets(host, cpu_flags()),
        check_threads(host, os.environ),
        check_governor(reading),
        check_temperature(reading),
        check_throttling(reading),
        check_power(reading),
        check_disk(shutil.disk_usage(Path.cwd()).free),
        check_memory(psutil.virtual_memory().available, host.memory_limit),
        data,
        check_running(SHIPPED_MODELS / "edge", dataset, host),
    )


def healthy(checks: Iterable[Check]) -> bool:
    """Whether there is no problem; a warning concerns what only some uses need."""
    return all(check.status != "problem" for check in checks)


def check_installation() -> list[Check]:
    """Python and packages, compared with what the installed edgecnn declares."""
    try:
        declared = metadata.metadata(PACKAGE)
    except metadata.PackageNotFoundError:
        found = f"{PACKAGE} is not installed: what it needs is not known"
        return [Check("packages", "warning", found, "pip install . in its folder")]
    python = check_python(platform.python_version(), declared["Requires-Python"] or "")
    return [python, *check_packages(declared.get_all("Requires-Dist") or (), installed)]


def check_python(version: str, required: str) -> Check:
    if SpecifierSet(required).contains(version, prereleases=True):
        return Check("python", "ok", version)
    return Check("python", "problem", f"{version}, where {required} is needed", "install a newer Python")


def check_packages(requirements: Sequence[str], version: Version, place: Place | None = None) -> list[Check]:
    """The base installation, then each extra that the package has for `place`, by default this machine."""
    place = place or this_place()
    parsed = [Requirement(text) for text in requirements]
    base = [item for item in parsed if _applies(item, "")]
    extras = {name: [item for item in parsed if _applies(item, name) and item not in base] for name in EXTRAS}
    return [
        _check_base(base, version, place),
        *(_check_extra(name, needs, version, place) for name, needs in extras.items() if needs),
    ]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _check_base(needs: Sequence[Requirement], version: Version, place: Place) -> Check:
    unmet = [need for need in needs if not _is_met(need, version)]
    if not unmet:
        return Check("packages", "ok", _versions(needs, version))
    command = " ".join(f"'{need.name}{need.specifier}'" for need in unmet)
    return _short("packages", "problem", unmet, version, place, f"pip install --upgrade {command}")


def _check_extra(name: str, needs: Sequence[Requirement], version: Version, place: Place) -> Check:
    topic, unmet = f"packages for {EXTRAS[name]}", [need for need in needs if not _is_met(need, version)]
    if not unmet:
        return Check(topic, "ok", _versions(needs, version))
    return _short(topic, "warning", unmet, version, place, f"pip install --upgrade '{PACKAGE}[{name}]'")


def _short(
    topic: str, status: Status, unmet: Sequence[Requirement], version: Version, place: Place, command: str
) -> Check:
    """What is missing; the command installs it, unless pip would find no wheel for it here."""
    found, none = _shortage(unmet, version), lacking([need.name for need in unmet], place)
    if not none:
        return Check(topic, status, found, command)
    known = f"there is no wheel of {', '.join(none)} for {place}, as of {read_table()['date']}"
    return Check(topic, status, f"{found}; {known}", remedy(none, place))


def _is_met(need: Requirement, version: Version) -> bool:
    found = version(need.name)
    return found is not None and need.specifier.contains(found, prereleases=True)


def _versions(needs: Iterable[Requirement], version: Version) -> str:
    return ", ".join(f"{need.name} {version(need.name)}" for need in needs)


def _shortage(unmet: Iterable[Requirement], version: Version) -> str:
    return ", ".join(
        f"{need.name} {found} where {need.specifier} is needed"
        if (found := version(need.name))
        else f"{need.name} is missing"
        for need in unmet
    )


def check_processor(host: Host, onnxruntime: str | None) -> Check:
    """Whether this release of onnxruntime is known to stop on such a processor before it has said anything."""
    if onnxruntime and dies_here(onnxruntime, host.machine, host.instruction_sets):
        found = f"onnxruntime {onnxruntime} stops with 'Illegal instruction' on {host.cpu or host.machine}"
        return Check("processor", "problem", found, "pip install --upgrade onnxruntime")
    return Check("processor", "ok", host.cpu or host.machine)


def check_instruction_sets(host: Host, flags: frozenset[str]) -> Check:
    """What int8 gains from; and AVX, without which TensorFlow's packages stop with an illegal instruction."""
    topic, found = "instruction sets", ", ".join(host.instruction_sets) or "none that int8 gains from"
    if not flags:
        return Check(topic, "ok", "this system does not say")
    if host.machine in X86_64 and "avx" not in flags:
        return Check(topic, "warning", "no AVX, which TensorFlow needs", "train on another machine, run the ONNX here")
    if host.machine in X86_64 and not INT8_ON_X86 & set(host.instruction_sets):
        return Check(topic, "warning", f"{found}; {WITHOUT_VNNI}", COMPARE)
    if host.machine in ARM64 and "dotprod" not in host.instruction_sets:
        return Check(topic, "warning", f"{found}; without dotprod int8 may be no faster than float32", COMPARE)
    return Check(topic, "ok", found)


def check_threads(host: Host, environment: Mapping[str, str]) -> Check:
    """onnxruntime's packages have a thread pool of their own and not OpenMP; numpy's may use the variable."""
    omp, cores = environment.get("OMP_NUM_THREADS"), f"{host.cores} core{'s' * (host.cores > 1)}"
    if host.cpu_limit and host.cpu_limit < host.cores:
        found = f"{cores}, of which a container's limit allows {host.cpu_limit:g}"
        return Check("threads", "warning", found, f"give --threads no more than {max(1, int(host.cpu_limit))}")
    if omp:
        found = f"{cores}; OMP_NUM_THREADS={omp} does not bind onnxruntime"
        return Check("threads", "warning", found, "set the number of threads with --threads, and unset OMP_NUM_THREADS")
    return Check("threads", "ok", cores)


def check_governor(reading: Reading) -> Check:
    if is_slow(reading):
        return Check("governor", "warning", f"{reading.governor}: latencies will vary", SET_GOVERNOR)
    return Check("governor", "ok", reading.governor or "this system does not say")


def check_temperature(reading: Reading) -> Check:
    if reading.temperature_c is None:
        return Check("temperature", "ok", "this system does not say")
    found = f"{reading.temperature_c:.0f} °C"
    if reading.temperature_c < WARM:
        return Check("temperature", "ok", found)
    return Check("temperature", "problem" if reading.temperature_c >= HOT else "warning", found, throttling.COOL)


def check_throttling(reading: Reading) -> Check:
    if reading.throttled is None:
        return Check("throttling", "ok", "only a Raspberry Pi says")
    now, since = reading.throttled & throttling.NOW, reading.throttled >> throttling.SINCE_START & throttling.NOW
    if now:
        return Check("throttling", "problem", f"now: {throttling.spell(now)}", throttling.remedy(now))
    if since:
        found = f"not now, but since the start: {throttling.spell(since)}"
        return Check("throttling", "warning", found, throttling.remedy(since))
    return Check("throttling", "ok", "none since the start")


def check_power(reading: Reading) -> Check:
    if reading.on_battery:
        return Check("power", "warning", "on battery, which slows many machines down", "plug it in before measuring")
    return Check("power", "ok", "no battery" if reading.on_battery is None else "plugged in")


def check_disk(free: int) -> Check:
    remedy = "free some, or work in another folder"
    return _check_room("disk", free, "free in this folder", DISK_TO_TRAIN, DISK_TO_RUN, remedy)


def check_memory(available: int, limit: int | None) -> Check:
    least = min(available, limit or available)
    remedy = "close other programs, or train on another machine"
    return _check_room("memory", least, "available", MEMORY_TO_TRAIN, MEMORY_TO_RUN, remedy)


def _check_room(topic: str, room: int, where: str, to_train: int, to_run: int, remedy: str) -> Check:
    found = f"{room / MEGABYTE:,.0f} MB {where}"
    if room >= to_train:
        return Check(topic, "ok", found)
    if room >= to_run:
        return Check(topic, "warning", f"{found}, little for training", remedy)
    return Check(topic, "problem", f"{found}, too little", remedy)


def check_data() -> tuple[Check, "Dataset | None"]:
    """Reads the MNIST of the package, whose loader compares checksums."""
    try:
        from edgecnn.data import load

        dataset = load()
    except (EdgecnnError, ImportError) as error:
        return Check("data", "problem", str(error), "pip install --force-reinstall edgecnn"), None
    found = f"MNIST: {len(dataset.train.images) + len(dataset.validation.images):,} images to train, "
    return Check("data", "ok", found + f"{len(dataset.test.images):,} to test"), dataset


def check_running(model: Path, dataset: "Dataset | None", host: Host | None = None) -> Check:
    """Opens `model` and has it classify the first test image, unless that would end this process on `host`."""
    topic, reinstall = "running", "pip install --force-reinstall edgecnn onnxruntime"
    if dataset is None:
        return Check(topic, "problem", "not tried: there is no image", "repair the data first")
    if host and check_processor(host, installed("onnxruntime")).status == "problem":
        return Check(topic, "problem", "not tried: onnxruntime would stop here", "pip install --upgrade onnxruntime")
    try:
        from edgecnn.runtime.classifier import Classifier

        best = Classifier(model).classify(dataset.test.images[:1])[0][0]
    except (EdgecnnError, ImportError) as error:
        return Check(topic, "problem", str(error), reinstall)
    label = dataset.labels[int(dataset.test.labels[0])]
    found = f"{model.name} labels a test image {best.label} with {best.probability:.1%}"
    if best.label != label:
        return Check(topic, "problem", f"{found}, which shows {label}", reinstall)
    return Check(topic, "ok", found)
