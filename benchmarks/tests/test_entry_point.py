"""The one entry point lists every program, imports it, and shows its help."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import __main__ as entry
from benchmarks.lib import paths

PROGRAMS = entry.programs()
SUBJECTS = {
    "models": {"publish", "seeds", "reference-recipes", "time-to-accuracy", "training-speed", "ablation", "pareto"},
    "accuracy": {"robustness"},
    "latency": {"peers", "harness", "quantization", "startup", "overview"},
    "devices": {"arm64", "emulator"},
}


def module_of(name: str) -> ModuleType:
    return importlib.import_module(entry.module_name(PROGRAMS[name]))


def test_programs_lie_by_subject() -> None:
    for folder, names in SUBJECTS.items():
        found = {name for name, path in PROGRAMS.items() if path.parent.name == folder}
        assert names <= found
    assert {"docs", "regressions"} <= set(PROGRAMS)


def test_without_a_name_every_program_is_listed_with_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    entry.main([])
    shown = capsys.readouterr().out
    for name, path in PROGRAMS.items():
        first = entry.docstring(path).partition("\n")[0]
        assert first
        assert re.search(rf"^  {name} +{re.escape(first)}$", shown, re.MULTILINE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_imported_and_shows_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(module_of(name).main)
    entry.main([name, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(f"python -m benchmarks {name}\n")
    assert entry.docstring(PROGRAMS[name]) in shown


def test_an_unknown_program_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        entry.main(["pear"])
    assert "there is no program 'pear'" in capsys.readouterr().err


def test_the_list_imports_no_heavy_package() -> None:
    code = "import runpy, sys; runpy.run_module('benchmarks', run_name='__main__'); sys.exit('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "robustness" in done.stdout) == (0, True), done.stderr


def test_the_guide_tells_of_every_program() -> None:
    guide = (paths.ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert {name for name in PROGRAMS if f"| `{name}` |" in guide} == set(PROGRAMS)


@pytest.mark.parametrize("path", sorted((paths.ROOT / "benchmarks").rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_is_long_or_calls_what_is_private_to_edgecnn(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    # pip's index client, the `command` of wheels.py, is private to pip.
    assert not re.search(r"from edgecnn[\w.]* import (?:.*\W)?_|\b(?!self\b|cls\b|pip\b|command\b)\w+\._[a-z]", text)
