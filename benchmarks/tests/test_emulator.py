"""The emulated processors are made again when their packages change, and only then."""

from pathlib import Path

import pytest

from benchmarks.devices import emulator

PROJECT = """\
[project]
dependencies = ["numpy>=1.26"]
[project.optional-dependencies]
quantize = ["onnx>=1.17"]
serve = ["uvicorn>=0.38"]
"""
PINS = "numpy==2.4.6\nonnx==1.23.2\nuvicorn==0.50.1\nml_dtypes==0.6.0\npytest==9.0.0\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose emulated processors are ready."""
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "constraints.txt").write_text(PINS, encoding="utf-8")
    for name in ("numpy-2.4.6", "onnx-1.23.2", "uvicorn-0.50.1", "ml_dtypes-0.6.0"):
        (tmp_path / "wheels" / f"{name}.dist-info").mkdir(parents=True)
    marker = tmp_path / "ready.txt"
    marker.write_text(f"numpy>=1.26\nonnx>=1.17\nuvicorn>=0.38\n{PINS}", encoding="utf-8")
    for name, path in {"ROOT": tmp_path, "WHEELS": tmp_path / "wheels", "MARKER": marker}.items():
        monkeypatch.setattr(emulator, name, path)
    return tmp_path


@pytest.mark.parametrize(
    ("pins", "ready"),
    [
        (PINS, True),
        (PINS.replace("pytest==9.0.0", "pytest==9.1.0\nmkdocs==1.6.1"), True),
        ("# a comment\nML-dtypes==0.6.0\n" + PINS.replace("ml_dtypes==0.6.0\n", ""), False),
        (PINS.replace("numpy==2.4.6", "numpy==2.5.0"), False),
        (PINS.replace("ml_dtypes==0.6.0", "ml_dtypes==0.7.0"), False),
    ],
    ids=["the same", "for tests alone", "written otherwise", "a package", "what a package needs"],
)
def test_only_pins_of_installed_packages_count(project: Path, pins: str, ready: bool) -> None:
    (project / "constraints.txt").write_text(pins, encoding="utf-8")
    assert emulator.ready() is ready


def test_a_new_requirement_counts(project: Path) -> None:
    (project / "pyproject.toml").write_text(PROJECT.replace('"numpy>=1.26"', '"numpy>=1.26", "rich>=13"'))
    assert not emulator.ready()


def test_without_a_marker_nothing_is_ready(project: Path) -> None:
    (project / "ready.txt").unlink()
    assert not emulator.ready()
