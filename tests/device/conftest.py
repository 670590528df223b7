"""What the tests on emulated devices share."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def emulator() -> ModuleType:
    """The program that runs aarch64 packages as on a Raspberry Pi."""
    found = importlib.import_module("benchmarks.devices.emulator")
    if not found.ready():
        pytest.skip("no emulated Raspberry Pi: python -m benchmarks emulator prepares it, as root on Debian")
    return found
