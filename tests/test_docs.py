"""The README shows what the commands really print and what was really measured."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from edgecnn.bench.reports.tables import markdown

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ("train", "export", "bench", "predict", "info", "recipes", "doctor")


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("readme")


def blocks(readme: ModuleType, kind: str) -> dict[str, str]:
    found = re.findall(r"<!-- (run|table): (.*?) -->\n(.*?)<!-- end -->", README, re.DOTALL)
    return {name: content for block_kind, name, content in found if block_kind == kind}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_shows_every_command_and_its_help(command: str, readme: ModuleType) -> None:
    shown = blocks(readme, "run")
    assert f"edgecnn {command} --help" in shown
    assert any(f"edgecnn {command}" in name and "--help" not in name for name in shown)


def test_help_in_the_readme_is_what_the_commands_print(readme: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readme, "WORK", ROOT)
    for name, content in blocks(readme, "run").items():
        if name.endswith("--help") or name == "edgecnn recipes":
            assert readme.run(name) == content, f"{name}: run make readme"


def test_tables_in_the_readme_are_the_committed_results(readme: ModuleType) -> None:
    tables = blocks(readme, "table")
    assert set(tables) == {
        *("bench-edge", "bench-adventures", "peers", "harness", "published", "targets"),
        *("quantization", "quantization-targets"),
        *("seeds", "pareto", "ablation", "training-speed", "time-to-accuracy"),
        *("robustness", "recipe-targets", "arm64"),
    }
    for name, content in tables.items():
        assert readme.table(name) == content, f"{name}: run make readme"


def test_committed_tables_are_what_the_committed_samples_give(readme: ModuleType) -> None:
    runs = readme.peers.summaries()
    assert set(runs) == {"edge", "adventures", "opengenus", "notebook-3x3", "notebook-5x5", "three-conv"}
    for name, summary in runs.items():
        committed = (ROOT / "benchmarks" / "results" / f"bench-{name}.md").read_text(encoding="utf-8")
        assert markdown(summary) == committed, f"{name}: run benchmarks/peers.py"


def test_no_command_in_the_readme_failed(readme: ModuleType) -> None:
    for name, content in blocks(readme, "run").items():
        assert len(content.splitlines()) > 3, name
        assert "error:" not in content, name


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert (tmp_path / "models/mine/model.int8.onnx").exists()
    assert len(names["summary"].rows) == 2  # type: ignore[attr-defined]
