"""Fills a table with what any number of pictures show."""

import time
from collections.abc import Callable, Iterable

from edgecnn.bulk.pool import read_many
from edgecnn.bulk.rows import ERROR
from edgecnn.bulk.table import Table
from edgecnn.bulk.worker import Task
from edgecnn.progress import OnProgress, Progress, ignore

MOST_TOLD = 20  # reasons why pictures cannot be read that are kept to be told at the end


def fill(
    table: Table,
    task: Task,
    files: Iterable[str],
    *,
    processes: int,
    pictures: int = 0,
    progress: OnProgress = ignore,
    added: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Read every picture that the table lacks, and write its rows. Returns the first reasons why some cannot be read.

    `pictures` is how many files there are, if that is known. `added` is called after each picture. Raises ModelError,
    InputError and OutputError.
    """
    lacking = (file for file in files if not table.has(file))
    reasons: list[str] = []
    before, started = table.pictures, time.perf_counter()
    for rows in read_many(task, lacking, processes):
        table.add(rows)
        added()
        if rows[0].verdict == ERROR and len(reasons) < MOST_TOLD:
            reasons.append(rows[0].error)
        rate = (table.pictures - before) / (time.perf_counter() - started)
        progress(Progress("reading pictures", table.pictures, max(pictures, table.pictures), f"{rate:.0f} a second"))
    return tuple(reasons)
