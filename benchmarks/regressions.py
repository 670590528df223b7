"""Fail if a committed figure got worse: [--since REVISION]

Compares the accuracies, speed-ups, sizes and agreements in benchmarks/results and in the shipped models' cards with
those of an earlier revision. Without --since, this is for each file the last revision with different figures. A figure
that lies outside the earlier figure's 95 % interval, on the worse side, is printed; so is a figure that is no longer
measured. In both cases the exit code is 1. Takes some seconds.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures, figures_of
from benchmarks.lib import paths
from benchmarks.lib.results import read_bytes, unpacked

FORMER_NAMES = {"reference_recipes.json": "published.json"}


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case []:
            since = None
        case ["--since", since]:
            pass
        case _:
            sys.exit(__doc__)
    found = [line for path in result_files() for line in regressions(path, since)]
    print("\n".join(found) or "no figure got worse")
    sys.exit(1 if found else 0)


def result_files() -> list[Path]:
    """The files that may hold figures: the results and the shipped models' cards."""
    results = sorted((paths.ROOT / "benchmarks" / "results").glob("*.json*"))
    return [*results, *sorted((paths.ROOT / "models").glob("*/card.json"))]


def regressions(path: Path, since: str | None) -> list[str]:
    """A line for each figure of a file that got worse or is missing."""
    now = figures_of(path.name, json.loads(read_bytes(path)))
    then = next((found for found in earlier(path, since) if since or found != now), {})
    return [f"{path.relative_to(paths.ROOT)}: {line}" for line in fallen(then, now)]


def fallen(then: Figures, now: Figures) -> Iterator[str]:
    for name, before in then.items():
        if name not in now:
            yield f"{name} was {before}, now not measured"
        elif now[name].is_worse_than(before):
            yield f"{name} was {before}, now {now[name]}"


def earlier(path: Path, since: str | None) -> Iterator[Figures]:
    """The figures of a file's earlier versions, the latest first."""
    names = former_names(path)
    revisions = [since] if since else git("log", "--format=%H", "--", *names).decode().split()
    for revision in revisions:
        content = content_at(revision, names)
        if content is not None:
            yield figures_of(path.name, content)


def former_names(path: Path) -> list[str]:
    """The file's present and former paths, relative to the repository's root."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    every = [path, plain, plain.with_name(FORMER_NAMES.get(plain.name, plain.name))]
    return list(dict.fromkeys(str(name.relative_to(paths.ROOT)) for name in every))


def content_at(revision: str, names: Sequence[str]) -> Any:
    """A file's content in a revision, under any of its names; None if it did not exist."""
    present = git("ls-tree", "-r", "--name-only", revision, "--", *names).decode().splitlines()
    found = next((name for name in names if name in present), None)
    return json.loads(unpacked(git("show", f"{revision}:{found}"), found)) if found else None


def git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=paths.ROOT, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: git {arguments[0]}: {error.stderr.decode().strip()}")
    return done.stdout
