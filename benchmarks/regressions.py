"""Fail if a committed figure got worse than it was: [--since REVISION]

Accuracies, speed-ups, sizes and agreements of benchmarks/results and of the shipped models' cards, as the working tree
has them, are compared with the same files in an earlier revision. Without --since that is, for each file, the last
revision in which its figures were others. A figure that lies beyond the earlier one's 95 % interval, on the wrong side,
gets a line, and so does one that is no longer measured; then the exit code is 1. Some seconds.
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
    """What may hold figures, the cards of the shipped models included."""
    results = sorted((paths.ROOT / "benchmarks" / "results").glob("*.json*"))
    return [*results, *sorted((paths.ROOT / "models").glob("*/card.json"))]


def regressions(path: Path, since: str | None) -> list[str]:
    """A line for each figure of a file that is worse than it was, or gone."""
    now = figures_of(path.name, json.loads(read_bytes(path)))
    then = next((found for found in earlier(path, since) if since or found != now), {})
    return [f"{path.relative_to(paths.ROOT)}: {line}" for line in fallen(then, now)]


def fallen(then: Figures, now: Figures) -> Iterator[str]:
    for name, before in then.items():
        if name not in now:
            yield f"{name} was {before}, and is no longer measured"
        elif now[name].is_worse_than(before):
            yield f"{name} was {before}, now {now[name]}"


def earlier(path: Path, since: str | None) -> Iterator[Figures]:
    """The figures of a file's earlier versions, the last first."""
    names = former_names(path)
    revisions = [since] if since else git("log", "--format=%H", "--", *names).decode().split()
    for revision in revisions:
        content = content_at(revision, names)
        if content is not None:
            yield figures_of(path.name, content)


def former_names(path: Path) -> list[str]:
    """What the file is and was called, from the repository's root."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    every = [path, plain, plain.with_name(FORMER_NAMES.get(plain.name, plain.name))]
    return list(dict.fromkeys(str(name.relative_to(paths.ROOT)) for name in every))


def content_at(revision: str, names: Sequence[str]) -> Any:
    """What a file held in a revision, under whichever of its names; None if it was not there."""
    present = git("ls-tree", "-r", "--name-only", revision, "--", *names).decode().splitlines()
    found = next((name for name in names if name in present), None)
    return json.loads(unpacked(git("show", f"{revision}:{found}"), found)) if found else None


def git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=paths.ROOT, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: git {arguments[0]}: {error.stderr.decode().strip()}")
    return done.stdout
