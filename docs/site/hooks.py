"""Builds the site from files where they lie: README.md becomes its first page, and files outside docs/ come along.

A page links to such files by the paths that they have in the repository. On the site they stand under repository/, and
the links are made to follow. A sentence that stands in for a docstring where Markdown is read as it is gives way to it.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
HOME = "index.md"
OUTSIDE = "repository"
STAND_IN = re.compile(r"^(### \w+\n\n)[^\n]+\n\n(?=::: )", re.MULTILINE)
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md, and every file outside docs/ that a page links to, and those that these link to."""
    files.append(_outside(config, "README.md"))
    waiting = [file.src_uri for file in files if file.is_documentation_page()]
    while waiting:
        for path in _linked(_repository_path(waiting.pop())):
            if files.get_file_from_path(_site_path(path)) is None:
                files.append(_outside(config, path))
                waiting += [_site_path(path)] if path.endswith(".md") else []
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 (MkDocs's)
    """Make links of the repository's paths lead to where the files stand on the site."""
    here = _repository_path(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        path = _resolved(here, match[2])
        if path is None:
            return match[0]
        target = posixpath.relpath(_site_path(path), posixpath.dirname(page.file.src_uri) or ".")
        return f"{match[1]}{target}{match[3]}"

    return LINK.sub(moved, STAND_IN.sub(r"\1", markdown))


def _linked(page: str) -> Iterator[str]:
    """The files that a page of the repository links to."""
    for match in LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        path = _resolved(page, match[2])
        if path is not None:
            yield path


def _resolved(page: str, link: str) -> str | None:
    """The file in the repository that a link of `page` means; None for an address, a folder or a dead link."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    return path if "://" not in link and (ROOT / path).is_file() else None


def _site_path(path: str) -> str:
    """Where a file of the repository stands on the site."""
    if path == "README.md":
        return HOME
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{OUTSIDE}/{path}"


def _repository_path(path: str) -> str:
    """Where a file of the site stands in the repository."""
    if path == HOME:
        return "README.md"
    return path.removeprefix(f"{OUTSIDE}/") if path.startswith(f"{OUTSIDE}/") else f"docs/{path}"


def _outside(config: MkDocsConfig, path: str) -> File:
    inclusion = InclusionLevel.INCLUDED if path == "README.md" else InclusionLevel.NOT_IN_NAV
    return File.generated(config, _site_path(path), abs_src_path=str(ROOT / path), inclusion=inclusion)
