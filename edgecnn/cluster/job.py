"""What a bench on other devices takes along: the files of the models, and the options of the command."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.bench import RUNTIMES
from edgecnn.bench.results import Plan
from edgecnn.bundles.unpacking import is_bundle
from edgecnn.cluster.connection import own_version
from edgecnn.errors import ModelError, UsageError
from edgecnn.files import read_bytes
from edgecnn.folder import ModelFolder, find

MOST_BYTES = 2**30  # of a model file: devices of this kind have not more memory


@dataclass(frozen=True)
class Job:
    """A command `edgecnn bench`: with these files in its working folder, and by this version.

    `files` have relative paths and contents. `arguments` are those of the command.
    """

    version: str
    files: tuple[tuple[str, bytes], ...]
    arguments: tuple[str, ...]


def job_of(models: Sequence[str], plan: Plan, runtimes: Iterable[str], data: str | None) -> Job:
    """Raises UsageError for a relative path of data and for an unknown model, and ModelError for one without ONNX."""
    files: dict[str, bytes] = {}
    names = []
    for number, path in enumerate(dict.fromkeys(find(model).resolve() for model in models)):
        folder, within = (path, "") if path.is_dir() else (path.parent, f"/{path.name}")
        name = _free_name(folder, number, files)
        files |= {f"{name}/{file.name}": _content(file) for file in _files_of(path)}
        names.append(f"{name}{within}")
    return Job(own_version(), tuple(files.items()), (*names, *_options(plan, runtimes, data)))


def _free_name(folder: Path, number: int, taken: Iterable[str]) -> str:
    """The folder's own name, unless it looks like an option or another folder has it."""
    name = folder.name if folder.name and not folder.name.startswith("-") else "model"
    return f"{name}-{number}" if any(file.startswith(f"{name}/") for file in taken) else name


def _files_of(path: Path) -> list[Path]:
    """The ONNX files that a path names, and the card that describes them, or a bundle, which has all of that.

    An original is not among them: devices of this kind have no TensorFlow.
    """
    if is_bundle(path):
        return [path]
    if path.is_file() and path.suffix != ".onnx":
        raise ModelError(f"{path} is not an .onnx file, which devices can run: run 'edgecnn export {path}' first")
    folder = ModelFolder(path if path.is_dir() else path.parent)
    found = folder.onnx_files() if path.is_dir() else [path]
    if not found:
        raise ModelError(f"{path} has no ONNX file, which devices can run: run 'edgecnn export {path}' first")
    return [*found, *([folder.card_path] if folder.card_path.is_file() else [])]


def _content(file: Path) -> bytes:
    try:
        return read_bytes(file, MOST_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror}; copy or export it again") from None


def _options(plan: Plan, runtimes: Iterable[str], data: str | None) -> list[str]:
    """A plan as the command takes it: an option that would do nothing is refused there."""
    options = ["--scenario", plan.scenario, "--threads", str(plan.threads), "--duration", f"{plan.duration:g}"]
    options += ["--timeout", f"{plan.timeout:g}"]
    options += [] if plan.scenario == "offline" else ["--batch", str(plan.batch)]
    if plan.scenario == "server":
        options += ["--latency-bound", f"{plan.latency_bound_us!r}", *(f"--rate={rate!r}" for rate in plan.rates)]
    options += [f"--runtime={_known(name)}" for name in runtimes]
    return options + ([] if data is None else [f"--data={_on_devices(data)}"])


def _known(runtime: str) -> str:
    if runtime not in RUNTIMES:
        raise UsageError(f"there is no runtime {runtime!r}: choose one of {', '.join(RUNTIMES)}")
    return runtime


def _on_devices(data: str) -> str:
    if not Path(data).is_absolute():
        raise UsageError(f"--data {data} is read on each device with --cluster: give a path from / that all have")
    return data
