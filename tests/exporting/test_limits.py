"""What a model may take to be inspected: files that HDF5 reads without end, and those that would fill the memory."""

import os
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from edgecnn.errors import ExportError, ModelError
from edgecnn.exporting import isolated, keras_file, saved_model
from edgecnn.exporting.isolated import check_isolated
from edgecnn.processes.child import Child

HEAP = b"GCOL"  # a collection of texts: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.E
HEAD = 16  # bytes


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file whose texts have no length, so that each is followed by itself."""
    path = tmp_path / "endless.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{" + " " * 10_000 + "}"
    content = path.read_bytes()
    start = content.rindex(HEAP)
    path.write_bytes(content[: start + HEAD] + bytes(len(content) - start - HEAD))
    return path


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process has a second of processor time for each model."""
    (tmp_path / "impatient.py").write_text(
        "from edgecnn.exporting import limits, model_server\nlimits.INSPECTING = (1, 0)\nmain = model_server.main\n"
    )
    places = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": places}
    isolated._PROCESS.close()
    monkeypatch.setattr(isolated, "Child", lambda _, folder: Child("impatient", folder=folder, environment=environment))
    yield
    isolated._PROCESS.close()


def test_an_endless_file_is_refused_and_the_next_one_is_inspected(endless: Path, impatient: None) -> None:
    with pytest.raises(ExportError, match=r"endless\.h5 could not be inspected \(it took too much processor time\)"):
        check_isolated(endless)
    with h5py.File(endless.with_name("weights.h5"), "w") as file:
        file["kernel"] = [1.0]
    with pytest.raises(ExportError, match="holds weights only"):
        check_isolated(endless.with_name("weights.h5"))


def test_a_configuration_of_very_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "x" * 40_000_000
    with pytest.raises(ModelError, match="bytes beside its weights"):
        keras_file.inspect(path)


def test_a_saved_model_of_very_many_graphs_is_refused_soon(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x12\0" * 1000)
    with pytest.raises(ModelError, match="holds more than 100 graphs"):
        saved_model.inspect(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_member_that_denies_its_size_is_not_unpacked(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in ("config.json", "model.weights.h5", "metadata.json"):
            archive.writestr(member, b"{}" if member != name else bytes(100_000_000))
        archive.getinfo(name).file_size = 1000
    tracemalloc.start()
    with pytest.raises((ModelError, ExportError)):
        keras_file.inspect(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
