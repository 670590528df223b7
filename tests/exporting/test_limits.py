"""A file that the HDF5 library reads without end is refused in one line, after some seconds of processor time."""

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from edgecnn.errors import ExportError
from edgecnn.exporting import isolated
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
