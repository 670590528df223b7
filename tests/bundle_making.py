"""Model folders and bundles for the tests of bundles: small ones, and ones that are not as they should be."""

import hashlib
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgecnn.bench.contenders import start_list
from edgecnn.bench.measure import measure_entries
from edgecnn.bench.recorded import record_of, to_json
from edgecnn.bench.results import Plan
from edgecnn.bundles.archive import END
from edgecnn.bundles.packing import DATE, PLAIN_FILE
from edgecnn.bundles.pictures import read_images
from edgecnn.bundles.seal import SEAL_BYTES, seal
from edgecnn.files import sha256
from edgecnn.folder import SHIPPED_MODELS, ModelFolder

Member = tuple[zipfile.ZipInfo, bytes]
ELSEWHERE = "Another Processor"


def nano(path: Path) -> Path:
    """A copy of the shipped `nano` as a device has it: without the original."""
    for name in ("model.onnx", "model.int8.onnx", "model.int8.arm64.onnx", "card.json"):
        path.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHIPPED_MODELS / "nano" / name, path / name)
    return path


def pretend_record(folder: ModelFolder, changed: Sequence[int]) -> None:
    """Give a folder that has its images a record as of TensorFlow on another machine, without running TensorFlow.

    What is recorded is onnxruntime's float32 run. Of the images `changed`, another label is recorded.
    """
    card = folder.card()
    assert card
    images = read_images(folder.images, card)
    plan = Plan(duration=0.1, queries=10, rounds=5, warm_up=0.01)
    entries = start_list([folder.onnx("float32")], threads=1, batch=1, runtimes=["onnxruntime"])
    run = measure_entries(entries, plan, data=Path("images"), read=lambda _: images)
    (item,) = run.measurements
    assert item.answers
    answers = tuple((label + 1) % 10 if at in changed else label for at, label in enumerate(item.answers))
    contender = replace(item.contender, name="tf-function", runtime="tensorflow", variant="function")
    host = replace(run.host, cpu=ELSEWHERE)
    item = replace(item, answers=answers, contender=contender)
    record = record_of(
        replace(run, measurements=(item,), host=host), "nano", card.original_sha256, sha256(folder.images)
    )
    folder.record.write_bytes(to_json(record))


def members(bundle: Path) -> list[Member]:
    with zipfile.ZipFile(bundle) as archive:
        return [(info, archive.read(info)) for info in archive.infolist()]


def entry(name: str, content: bytes = b"x", mode: int = PLAIN_FILE >> 16) -> Member:
    info = zipfile.ZipInfo(name, DATE)
    info.create_system, info.external_attr = 3, mode << 16
    return info, content


def rebuilt(path: Path, content: Sequence[Member], change: Callable[[bytes], bytes] = lambda data: data) -> Path:
    """Write these members as a sealed bundle, after `change` of the bytes before the seal."""
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in content:
            archive.writestr(info, data)
        archive.comment = bytes(SEAL_BYTES)
    body = change(path.read_bytes()[:-SEAL_BYTES])
    path.write_bytes(body + seal(hashlib.sha256(body).hexdigest()))
    return path


def with_count(count: int) -> Callable[[bytes], bytes]:
    """Say in the archive's end that it has so many entries."""

    def changed(body: bytes) -> bytes:
        magic, disk, start, _, _, directory, place, comment = END.unpack(body[-END.size :])
        return body[: -END.size] + END.pack(magic, disk, start, count, count, directory, place, comment)

    return changed
