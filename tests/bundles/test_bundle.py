"""A model in one file: the same bytes, installed elsewhere, and measured there beside what TensorFlow answered here."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from bundle_making import ELSEWHERE, nano, pretend_record
from shared_fixtures import Run

import edgecnn as package
from edgecnn.bench import contenders
from edgecnn.bench.reports.document import to_json
from edgecnn.bench.reports.markdown import to_markdown
from edgecnn.bench.results import Plan
from edgecnn.bench.run import bench, report
from edgecnn.bundling import bundle
from edgecnn.data import Dataset, load
from edgecnn.errors import ModelError, OutputError
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.installing import install

QUICK = Plan(duration=0.1, queries=10, rounds=5, warm_up=0.01)
CHANGED = (3, 500, 998)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of `nano` with a record as of TensorFlow, of which three labels are other ones."""
    folder = tmp_path_factory.mktemp("recorded")
    plain = bundle(nano(folder / "nano"), folder / "plain.edgecnn.zip").path
    there = ModelFolder(install(plain, folder / "there" / "nano").path)
    pretend_record(there, CHANGED)
    return bundle(there.path, folder / "nano.edgecnn.zip").path


def test_a_bundle_has_what_a_device_needs_and_says_what_it_lacks(tmp_path: Path, mnist: Dataset) -> None:
    made = package.bundle(nano(tmp_path / "nano"), tmp_path / "out" / "nano.edgecnn.zip")
    assert made.manifest.name == "nano"
    assert "has no model.keras" in made.manifest.lacks[0]
    assert made.bytes == made.path.stat().st_size
    done = package.install(made.path, tmp_path / "there")
    names = {"model.onnx", "model.int8.onnx", "model.int8.arm64.onnx", "card.json", "images.npz"}
    assert {path.name for path in done.path.iterdir()} == names
    for name in names - {"images.npz"}:
        assert (done.path / name).read_bytes() == (tmp_path / "nano" / name).read_bytes()
    brought = load(done.path / "images.npz")  # as any data set
    assert len(brought.test) == 1000
    known = {image.tobytes() for image in mnist.test.images}
    assert all(image.tobytes() in known for image in brought.test.images)
    assert len(brought.train) + len(brought.validation) == 512


def test_the_same_model_becomes_the_same_bytes(tmp_path: Path) -> None:
    first = bundle(nano(tmp_path / "nano"), tmp_path / "first.edgecnn.zip")
    second = bundle(nano(tmp_path / "other place" / "nano"), tmp_path / "second.edgecnn.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    again = bundle(install(first.path, tmp_path / "installed" / "nano").path, tmp_path / "third.edgecnn.zip")
    assert again.manifest.files == first.manifest.files


def test_a_bundle_is_measured_without_tensorflow_and_its_record_is_not_compared_in_time(recorded: Path) -> None:
    outcome = bench([recorded], QUICK, runtimes=["onnxruntime"])
    rows = {row.name: row for row in outcome.summary.rows}
    assert set(rows) == {"onnx-float32", "onnx-int8", "tf-function, recorded"}
    here, there = rows["onnx-float32"], rows["tf-function, recorded"]
    assert (here.images, here.machine, here.agrees_with) == (1000, "this machine", there.name)
    assert here.agreement == (1000 - len(CHANGED)) / 1000
    assert there.machine
    assert there.machine.startswith(ELSEWHERE)
    assert there.p50_us
    assert (there.speedup, there.verdict, there.reference) == (None, None, None)
    assert {row.reference for row in (here, rows["onnx-int8"])} == {"onnx-float32"}
    pair = next(pair for pair in outcome.summary.pairs if pair.second == "onnx-float32")
    assert (pair.first, pair.ratio, pair.changed) == (there.name, None, CHANGED)
    pictures = outcome.summary.bench.datasets[outcome.summary.bench.data[str(recorded)]].pictures
    assert set(CHANGED) <= {picture.index for picture in pictures}
    for kind in ("markdown", "html", "csv", "json"):
        text = report(outcome, kind)
        assert "tf-function, recorded" in text
        assert ELSEWHERE in text
    assert "its times are not" in to_markdown(outcome.summary)
    assert ".edgecnn-" not in to_json(outcome.summary)  # no name of a temporary folder


def test_an_installed_folder_is_measured_in_the_same_way(recorded: Path, tmp_path: Path) -> None:
    folder = install(recorded, tmp_path / "nano").path
    rows = {row.name: row for row in bench([folder], QUICK, runtimes=["onnxruntime"]).summary.rows}
    assert rows["onnx-float32"].agreement == 0.997
    card = json.loads((folder / "card.json").read_text()) | {"original_sha256": "0" * 64}
    (folder / "card.json").write_text(json.dumps(card))
    outcome = bench([folder], QUICK, runtimes=["onnxruntime"])
    assert outcome.summary.bench.recorded == ()
    assert any("is about another original" in note for note in outcome.summary.bench.notes)
    rows = {row.name: row for row in bench([folder], QUICK, data="mnist", runtimes=["onnxruntime"]).summary.rows}
    assert rows["onnx-float32"].images == 10_000
    assert rows["onnx-float32"].agrees_with == "onnx-float32"  # other images than those that TensorFlow answered


def test_a_model_whose_data_is_not_on_the_device_is_scored_all_the_same(tmp_path: Path) -> None:
    """Its data set is a file that only the other machine has."""
    folder = ModelFolder(nano(tmp_path / "nano"))
    data = tmp_path / "mine.npz"
    images = load()
    np.savez(
        data,
        x_train=images.train.images[:600],
        y_train=images.train.labels[:600],
        x_test=images.test.images[:40],
        y_test=images.test.labels[:40],
    )
    card = json.loads(folder.card_path.read_text())
    card["data"] |= {"name": str(data), "sha256": load(data).sha256}
    folder.card_path.write_text(json.dumps(card))
    made = bundle(folder.path, tmp_path / "mine.edgecnn.zip")
    data.unlink()
    (row, *_) = bench([made.path], QUICK, runtimes=["onnxruntime"]).summary.rows
    assert (row.images, row.accuracy) == (40, 1.0)
    lacking = bundle(folder.path, tmp_path / "lacking.edgecnn.zip")
    assert "is not here: copy it, or give --data" in lacking.manifest.lacks[0]
    outcome = bench([lacking.path], QUICK, runtimes=["onnxruntime"])
    assert outcome.summary.rows[0].images is None
    assert any("lacking.edgecnn.zip lacks images" in note for note in outcome.summary.bench.missing)


def test_a_folder_that_cannot_be_bundled_is_told(tmp_path: Path) -> None:
    folder = ModelFolder(nano(tmp_path / "nano"))
    with pytest.raises(OutputError, match=r"ends with \.edgecnn\.zip"):
        bundle(folder.path, tmp_path / "model.onnx")
    shutil.copy(folder.onnx("int8"), folder.onnx("float32"))
    with pytest.raises(ModelError, match=r"is not about the model\.onnx beside it"):
        bundle(folder.path, tmp_path / "nano.edgecnn.zip")
    folder.card_path.unlink()
    with pytest.raises(ModelError, match=r"has no card\.json"):
        bundle(folder.path, tmp_path / "nano.edgecnn.zip")
    with pytest.raises(ModelError, match="give its folder"):
        bundle(folder.onnx("float32"), tmp_path / "nano.edgecnn.zip")
    assert not (tmp_path / "nano.edgecnn.zip").exists()


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_whole_way_from_a_laptop_to_a_device(
    exported: ModelFolder, tmp_path: Path, edgecnn: Run, pi: Run, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop, device = tmp_path / "laptop", tmp_path / "device"
    shutil.copytree(exported.path, laptop / "mine")
    device.mkdir()
    where = {"XDG_CACHE_HOME": str(cache)}
    monkeypatch.chdir(laptop)
    monkeypatch.setattr(contenders, "TENSORFLOW_WAYS", ("function",))  # each way takes seconds to start
    assert bundle("mine").manifest.lacks == ()
    first = (laptop / "mine.edgecnn.zip").read_bytes()
    assert edgecnn("bundle", "mine", "--quiet", cwd=laptop, **where).returncode == 0
    assert (laptop / "mine.edgecnn.zip").read_bytes() == first  # what was measured is kept
    shutil.copy(laptop / "mine.edgecnn.zip", device)
    done = pi("install", "mine.edgecnn.zip", "--quiet", cwd=device, **where)
    assert done.returncode == 0, done.stderr
    assert "runs here: " in done.stdout
    json_file = device / "run.json"
    measured = pi("bench", "mine.edgecnn.zip", "--duration", "0.1", "--json", json_file, cwd=device, **where)
    assert measured.returncode == 0, measured.stderr
    rows = {row["name"]: row for row in json.loads(json_file.read_text())["contenders"]}
    assert rows["onnx-float32"]["agreement"] == 1.0
    assert rows["tf-function, recorded"]["p50_us"] > 0
    assert "not compared" in measured.stdout
    probabilities = np.load(device / "models" / "mine" / "original.npy")
    assert probabilities.shape == (1000, 10)
    brought = load(device / "models" / "mine" / "images.npz").test.images
    np.testing.assert_allclose(probabilities, package.Classifier(exported.onnx("float32")).predict(brought), atol=1e-4)


def test_the_shipped_models_are_bundled_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgecnn.bundling.find_spec", lambda _: None)  # as without TensorFlow
    made = bundle("nano")
    assert made.path == Path("nano.edgecnn.zip")
    assert "TensorFlow is not installed" in made.manifest.lacks[0]
    assert install(made.path).path == Path("models/nano")
    assert (SHIPPED_MODELS / "nano" / "model.onnx").read_bytes() == Path("models/nano/model.onnx").read_bytes()
