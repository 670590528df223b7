"""Bundles that are not as they should be: each is one line that names the file, and leaves nothing behind."""

import json
import random
import shutil
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import odd_models
import onnx
import pytest
from bundle_making import Member, entry, members, nano, rebuilt, with_count
from shared_fixtures import Run

from edgecnn.bench.run import bench
from edgecnn.bundles.archive import END
from edgecnn.bundles.manifest import Entry, Manifest
from edgecnn.bundles.packing import pack
from edgecnn.bundling import bundle
from edgecnn.card import Card
from edgecnn.errors import EdgecnnError, ModelError, OutputError
from edgecnn.files import sha256
from edgecnn.folder import ModelFolder
from edgecnn.installing import install

TERABYTE = 2**40


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    return bundle(nano(folder / "nano"), folder / "nano.edgecnn.zip").path


def refused(path: Path, work: Path, error: type[EdgecnnError] = ModelError) -> str:
    """The one line that both install and bench say of a bundle, after which nothing more is there than before."""
    before = sorted(work.rglob("*"))
    with pytest.raises(error) as caught:
        install(path, work / "models" / "nano")
    assert sorted(work.rglob("*")) == before
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert ".edgecnn-" not in message  # no name of a temporary file
    return message


def of_a_terabyte(body: bytes) -> bytes:
    """Say in the directory that the card becomes a terabyte: in the extra field that ZIP64 has for it."""
    at = body.rindex(b"card.json")
    header = bytearray(body[at - 46 : at])
    header[24:28] = b"\xff" * 4
    header[30:32] = (12).to_bytes(2, "little")
    field = (1).to_bytes(2, "little") + (8).to_bytes(2, "little") + TERABYTE.to_bytes(8, "little")
    end = at + len("card.json")
    longer = bytearray(body[: at - 46] + bytes(header) + body[at:end] + field + body[end:])
    size = int.from_bytes(longer[-10:-6], "little") + len(field)
    longer[-10:-6] = size.to_bytes(4, "little")
    return bytes(longer)


def of_format(number: object) -> Callable[[list[Member]], list[Member]]:
    def changed(content: list[Member]) -> list[Member]:
        (info, manifest), *others = content
        return [(info, json.dumps(json.loads(manifest) | {"format": number}).encode()), *others]

    return changed


CHANGES: dict[str, tuple[Callable[[list[Member]], list[Member]], str]] = {
    "leads_out": (lambda found: [*found, entry("../nano.onnx")], "leads out of the folder"),
    "leads_out_within": (lambda found: [*found, entry("a/../../nano.onnx")], "leads out of the folder"),
    "backslashes": (lambda found: [*found, entry("..\\nano.onnx")], "leads out of the folder"),
    "absolute": (lambda found: [*found, entry("/etc/edgecnn.onnx")], "is an absolute path"),
    "drive": (lambda found: [*found, entry("C:\\nano.onnx")], "is an absolute path"),
    "link": (lambda found: [*found, entry("model.fp16.onnx", b"/etc/passwd", stat.S_IFLNK | 0o777)], "is a link"),
    "folder": (lambda found: [*found, entry("models/")], "is not a file of a bundle"),
    "device": (lambda found: [*found, entry("model.fp16.onnx", b"", stat.S_IFCHR | 0o644)], "is not a file"),
    "unknown_name": (lambda found: [*found, entry("run.sh")], "is not as the manifest lists it"),
    "in_a_folder": (lambda found: [*found, entry("models/model.fp16.onnx")], "is not a file of a bundle"),
    "newer_with_new_names": (lambda found: [*of_format(7)(found), entry("weights.bin")], "has format 7"),
    "null_in_name": (lambda found: [*found, entry("card.json")], "two entries"),
    "twice": (lambda found: [*found, found[-1]], "two entries of the name"),
    "unlisted": (lambda found: [*found, entry("model.fp16.onnx")], "is not as the manifest lists it"),
    "lacking": (lambda found: found[:-1], "is not as the manifest lists it"),
    "no_manifest": (lambda found: found[1:], "is not a bundle: it has no manifest.json"),
    "newer": (of_format(2), "has format 2, and this edgecnn reads format 1; install a newer edgecnn"),
    "odd_format": (of_format("1"), "Expected `int`"),
    "other_content": (lambda found: [*found[:-1], (found[-1][0], found[-1][1][::-1])], "is not what the manifest says"),
    "many": (lambda _: [entry(f"{number}.onnx") for number in range(100)], "has 100 entries"),
    "nothing": (lambda _: [], "has no manifest.json"),
    "deep_manifest": (lambda found: [(found[0][0], b"[" * 100_000), *found[1:]], "damaged"),
    "large_manifest": (lambda found: [(found[0][0], b" " * 2_000_000), *found[1:]], "has more than"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", CHANGES)
def test_a_bundle_of_another_content_is_refused(name: str, good: Path, tmp_path: Path) -> None:
    change, fault = CHANGES[name]
    assert fault in refused(rebuilt(tmp_path / "odd.edgecnn.zip", change(members(good))), tmp_path)


def test_a_terabyte_and_a_hundred_thousand_entries_are_refused_by_what_they_say(good: Path, tmp_path: Path) -> None:
    path = rebuilt(tmp_path / "odd.edgecnn.zip", members(good), of_a_terabyte)
    assert "would become 1,099," in refused(path, tmp_path)
    path.write_bytes(b"PK\1\2" + bytes(42) * 100_000 + END.pack(b"PK\5\6", 0, 0, 65_535, 65_535, 4_200_004, 0, 0))
    assert "has 65,535 entries or more, and a bundle has 64 at most" in refused(path, tmp_path)
    rebuilt(path, [entry(f"{number}.onnx") for number in range(2000)], with_count(3))  # its end is a lie
    assert "64 at most" in refused(path, tmp_path)


def test_each_changed_byte_and_each_cut_is_found(good: Path, tmp_path: Path) -> None:
    whole = good.read_bytes()
    path = tmp_path / "odd.edgecnn.zip"
    places = random.Random(0).sample(range(len(whole)), 150)
    places += [*range(60), *range(len(whole) - 140, len(whole))]  # the first entry's header, and the archive's end
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(ModelError, match=r"odd\.edgecnn\.zip"):
            install(path, tmp_path / "model")
    for at in [0, 1, 22, *places[::10], len(whole) - 1]:
        path.write_bytes(whole[:at])
        with pytest.raises(ModelError, match=r"odd\.edgecnn\.zip"):
            install(path, tmp_path / "model")
    path.write_bytes(whole + b"\0")
    with pytest.raises(ModelError, match=r"odd\.edgecnn\.zip"):
        install(path, tmp_path / "model")
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"opset": 99}, "nano.edgecnn.zip/model.onnx .*it has opset 99, .* a release after"),
        ({"ir_version": 99}, "it has IR version 99, .* a release after"),
        ({"shape": ()}, "an image classifier takes images"),
    ],
)
def test_a_file_that_this_onnxruntime_does_not_run_is_told_before(
    settings: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    folder = ModelFolder(nano(tmp_path / "made" / "nano"))
    onnx.save(odd_models.linear(**settings), folder.onnx("float32"))
    path = honest(folder, tmp_path / "nano.edgecnn.zip")
    with pytest.raises(ModelError, match=fault):
        install(path, tmp_path / "model")
    refused(path, tmp_path)


def honest(folder: ModelFolder, path: Path) -> Path:
    """A bundle whose hashes fit, whatever its files are."""
    card = json.loads(folder.card_path.read_text())
    for file in folder.onnx_files():
        card["exports"][file.name] |= {"sha256": sha256(file)}
    folder.card_path.write_text(Card.from_json(json.dumps(card)).to_json())
    files = {file.name: file for file in folder.path.iterdir()}
    entries = {name: Entry(file.stat().st_size, sha256(file)) for name, file in files.items()}
    pack(path, Manifest(1, "nano", entries), files)
    return path


@pytest.mark.parametrize("name", ["images.npz", "original.json", "card.json"])
def test_damaged_images_records_and_cards_are_told(name: str, tmp_path: Path) -> None:
    made = bundle(nano(tmp_path / "made" / "nano"), tmp_path / "first.edgecnn.zip").path
    folder = ModelFolder(tmp_path / "made" / "nano")
    shutil.copy(install(made, tmp_path / "made" / "installed").path / "images.npz", folder.images)
    (folder.path / name).write_bytes(b'{"format": []}')
    if name == "card.json":
        files = {file.name: file for file in folder.path.iterdir()}
        entries = {key: Entry(file.stat().st_size, sha256(file)) for key, file in files.items()}
        pack(tmp_path / "odd.edgecnn.zip", Manifest(1, "nano", entries), files)
    else:
        honest(folder, tmp_path / "odd.edgecnn.zip")
    assert name in refused(tmp_path / "odd.edgecnn.zip", tmp_path)


def test_what_is_not_a_bundle_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(b"not an archive")
    assert "truncated, damaged or not a bundle" in refused(other, tmp_path)
    with pytest.raises(ModelError, match="does not exist"):
        install(tmp_path / "nothing.edgecnn.zip")
    with pytest.raises(ModelError, match="is not a bundle"):
        install(nano(tmp_path / "nano"))
    with pytest.raises(ModelError, match="truncated, damaged or not a bundle"):
        bench([other])


def test_another_model_is_not_overwritten(good: Path, tmp_path: Path) -> None:
    there = nano(tmp_path / "models" / "nano")
    assert install(good, there).path == there  # it is the same one
    (there / "model.onnx").write_bytes(b"another")
    assert "holds another model: its model.onnx is not that of" in refused(good, tmp_path, OutputError)
    (there / "model.onnx").unlink()
    shutil.copy(there / "model.int8.onnx", there / "model.fp16.onnx")
    assert "its model.fp16.onnx" in refused(good, tmp_path, OutputError)
    file = tmp_path / "a file"
    file.touch()
    with pytest.raises(OutputError, match="is not a folder"):
        install(good, file)


def test_the_commands_say_one_line(good: Path, tmp_path: Path, edgecnn: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = rebuilt(tmp_path / "odd.edgecnn.zip", CHANGES["twice"][0](members(good)))
    commands = (("install", path), ("bench", path), ("predict", "a.png", "--model", good), ("info", good))
    for command in commands:
        done = edgecnn(*command, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
