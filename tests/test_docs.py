"""README.md and docs/ guide the reader: short where promised, generated where measured, and every link alive."""

import ast
import html
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

import edgecnn
from benchmarks import docs
from edgecnn.bench import contender_run
from edgecnn.cli import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *GUIDES]
LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md", *sorted(ROOT.glob("models/*/README.md"))]
TASKS = {
    *("quickstart", "raspberry-pi", "your-own-data", "your-own-model", "your-own-writing", "predict", "quantization"),
    *("benchmarking", "models", "cluster"),
    *("serve", "python-api", "cli", "results", "method", "architecture", "contributing"),
}
MOST_BYTES, MOST_LINES, MOST_ROWS = 10_000, 250, 8  # of README.md, and of a table in it

FENCED = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+?) *$", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
REPOSITORY_FILE = re.compile(r"`((?:edgecnn|tests|benchmarks|examples|docs|models)/[\w./-]+)`")


def page_ids(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its fenced code."""
    return FENCED.sub("", text_of(page))


def blocks(kind: str, *pages: Path) -> Iterator[tuple[str, str]]:
    """Name and content of the generated blocks of a kind, "run" or "table"."""
    for page in pages:
        for found_kind, name, content in docs.BLOCK.findall(text_of(page)):
            if found_kind == kind:
                yield name, content


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor, if any, of each link that leads to no other host."""
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page))):
        if "://" not in link:
            path, _, anchor = unquote(link).partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site both make them."""
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def tables(page: Path) -> Iterator[list[str]]:
    """The lines of each table: heading, rule and rows."""
    for is_table, lines in groupby(prose(page).splitlines(), lambda line: line.startswith("|")):
        if is_table:
            yield list(lines)


# README.md


def test_the_readme_is_short() -> None:
    text = text_of(README)
    assert len(text.encode()) <= MOST_BYTES
    assert len(text.splitlines()) <= MOST_LINES


def test_the_readme_has_small_tables_only_and_no_unstable_figures() -> None:
    found = list(tables(README))
    assert found
    assert all(len(lines) - 2 <= MOST_ROWS for lines in found)
    assert "unstable" not in "".join(content.lower() for _, content in blocks("table", README))


def test_every_guide_is_there_and_can_be_reached_from_the_readme() -> None:
    assert {page.stem for page in GUIDES} == TASKS
    reached, waiting = set[Path](), [README]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        waiting += [path for path, _ in links(page) if path.suffix == ".md" and path.exists() and path not in reached]
    assert reached >= set(GUIDES)
    assert {path for path, _ in links(README)} >= set(GUIDES)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contender_run, "STARTS_QUICKLY", 0.0)  # one process does for all rounds
    monkeypatch.chdir(tmp_path)
    (code,) = PYTHON.findall(text_of(README))
    exec(code, {})
    labels, rows = capsys.readouterr().out.splitlines()
    assert labels.count("Prediction(") == 3 * 2
    assert "onnx-float32" in rows
    assert "onnx-int8" in rows


# All pages


@pytest.mark.parametrize("page", LINKED, ids=page_ids(LINKED))
def test_no_link_or_anchor_is_dead(page: Path) -> None:
    for path, anchor in links(page):
        assert path.exists(), f"{path.relative_to(ROOT)} does not exist"
        if anchor:
            assert anchor in anchors(path), f"{path.relative_to(ROOT)} has no heading #{anchor}"


@pytest.mark.parametrize("page", GUIDES, ids=page_ids(GUIDES))
def test_a_guide_begins_with_the_command_that_its_reader_came_for(page: Path) -> None:
    title, _, first, second, *_ = text_of(page).splitlines()
    assert title.startswith("# ")
    assert first in ("```sh", "```python")
    assert second


@pytest.mark.parametrize("page", PAGES, ids=page_ids(PAGES))
def test_python_in_a_page_names_what_is_public(page: Path) -> None:
    for code in PYTHON.findall(text_of(page)):
        used = {
            node.attr
            for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "edgecnn"
        }
        assert used <= set(edgecnn.__all__)


@pytest.mark.parametrize("page", PAGES, ids=page_ids(PAGES))
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    made_by_users = {"models/tutorial", "models/mine", "models/classifier/model.onnx"}
    for name in REPOSITORY_FILE.findall(prose(page)):
        assert (ROOT / name).exists() or name in made_by_users, name


@pytest.mark.parametrize("page", PAGES, ids=page_ids(PAGES))
def test_the_tests_that_a_page_names_exist(page: Path) -> None:
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", prose(page)):
        assert f"def {name}(" in text_of(ROOT / file)


# Generated blocks


@pytest.mark.slow
def test_tables_are_the_committed_results() -> None:
    for name, content in blocks("table", *PAGES):
        assert docs.table(name) == content, f"{name}: run make docs"


def test_every_measured_table_is_shown() -> None:
    assert {name for name, _ in blocks("table", *PAGES)} == set(docs.TABLES)


def test_help_of_every_command_is_what_it_prints() -> None:
    shown = dict(blocks("run", ROOT / "docs" / "cli.md"))
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(shown) == {"edgecnn --help", *(f"edgecnn {name} --help" for name in commands)}
    docs.WORK.mkdir(parents=True, exist_ok=True)
    for name, content in shown.items():
        assert docs.run(name) == content, f"{name}: run python -m benchmarks docs '{name}'"


def test_the_recipes_shown_are_those_there_are() -> None:
    shown = dict(blocks("run", ROOT / "docs" / "models.md"))
    docs.WORK.mkdir(parents=True, exist_ok=True)
    assert docs.run("edgecnn recipes") == shown["edgecnn recipes"]


def test_no_command_shown_failed() -> None:
    for name, content in blocks("run", *PAGES):
        assert len(content.splitlines()) > 3, name
        assert "error:" not in content, name
        assert "Traceback" not in content, name


# What must be complete


def test_every_public_name_is_documented() -> None:
    page = text_of(ROOT / "docs" / "python-api.md")
    assert sorted(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == sorted(edgecnn.__all__)
    named = re.findall(r"^::: edgecnn\.(?:[\w.]+\.)?(\w+)$", page, re.MULTILINE)
    assert sorted(named) == sorted([*edgecnn.__all__, "errors"])


def test_the_dependencies_of_a_device_are_named() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    names = [re.split("[^a-z]", requirement)[0] for requirement in project["dependencies"]]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    assert f"The eight dependencies are {listed}" in " ".join(text_of(ROOT / "docs" / "raspberry-pi.md").split())
    assert len(names) == 8
    assert "onnxruntime and seven small packages" in text_of(README)


def test_the_map_has_every_room() -> None:
    rooms = set(re.findall(r"`(\w+(?:\.py|/))`", text_of(ROOT / "docs" / "architecture.md")))
    package = Path(edgecnn.__file__).parent
    there = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    there |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert there <= rooms


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    config = ROOT / "docs" / "site" / "mkdocs.yml"
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(config), "--site-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {page.relative_to(tmp_path).as_posix(): text_of(page) for page in tmp_path.rglob("*.html")}
    assert set(pages) >= {"index.html", *(f"{name}.html" for name in TASKS)}
    for name, page in pages.items():
        assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", page), name
    shown = " ".join(html.unescape(re.sub("<[^>]+>", "", pages["python-api.html"])).split())
    for name in set(edgecnn.__all__) - {"RECIPES"}:
        first = (getattr(edgecnn, name).__doc__ or "").partition("\n")[0].replace("`", "")
        assert first.strip() in shown, name
