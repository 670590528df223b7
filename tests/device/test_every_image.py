"""Each shipped file labels the 10,000 test images on an emulated Raspberry Pi 4 and 5 as it does on this machine."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.runtime.classifier import Classifier

pytestmark = [pytest.mark.slow, pytest.mark.long]
FILES = sorted(SHIPPED_MODELS.glob("*/model*.onnx"))
MOST_DIFFERENCE = 1e-4  # of any probability, float32
LEAST_AGREEMENT = 0.9995  # of the labels, int8


@pytest.fixture(scope="module")
def packages(emulator: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder with the project's own wheel, installed."""
    installed: dict[str, str] = emulator.install_project(tmp_path_factory.mktemp("installed"))
    return installed["EDGECNN_PACKAGES"]


@pytest.mark.parametrize("cpu", ["cortex-a72", "cortex-a76"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_board_labels_every_test_image_as_this_machine_does(
    file: Path, cpu: str, packages: str, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # not where the source is
    monkeypatch.setenv("EDGECNN_PACKAGES", packages)
    np.save(tmp_path / "images.npy", mnist.test.images)
    here = Classifier(file, threads=1).predict(mnist.test.images)
    found = importlib.import_module("benchmarks.devices.arm64").emulated(file, cpu, here, tmp_path)
    if "int8" in file.name:
        assert found["agreement"] >= LEAST_AGREEMENT
    else:
        assert (found["differ"], found["max_difference"] <= MOST_DIFFERENCE) == (0, True), found
