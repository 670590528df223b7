"""Fills a table with what any number of pictures show."""

import time
from collections.abc import Callable, Iterable, Iterator

from edgecnn.bulk.rows import ERROR, Row
from edgecnn.bulk.table import Table
from edgecnn.progress import OnProgress, Progress, ignore

ReadMany = Callable[[Iterable[str]], Iterator[list[Row]]]

MOST_TOLD = 20  # reasons why pictures cannot be read that are kept to be told at the end


def fill(
    table: Table,
    read: ReadMany,
    files: Iterable[str],
    *,
    pictures: int = 0,
    progress: OnProgress = ignore,
    added: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Read every picture that the table lacks, and write its rows. Returns the first reasons why some cannot be read.

    `read` gives the rows of each file in the order of the files: by this machine's processes, or by others.
    `pictures` is how many files there are, if that is known. `added` is called after each picture. Raises ModelError,
    InputError and OutputError.
    """
    lacking = (file for file in files if not table.has(file))
    reasons: list[str] = []
    before, started = table.pictures, time.perf_counter()
    for rows in read(lacking):
        table.add(rows)
        added()
        if rows[0].verdict == ERROR and len(reasons) < MOST_TOLD:
            reasons.append(rows[0].error)
        rate = (table.pictures - before) / (time.perf_counter() - started)
        progress(Progress("reading pictures", table.pictures, max(pictures, table.pictures), f"{rate:.0f} a second"))
    return tuple(reasons)
