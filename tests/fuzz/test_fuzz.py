"""Damaged files are read, or refused in one line: a few of each kind, always the same. `make fuzz` tries others."""

from collections.abc import Iterator

import pytest
from fuzz.campaign import Worker
from fuzz.readers import READERS

INPUTS = 25  # for each reader


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """One process for all readers."""
    with Worker() as worker:
        yield worker


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused_in_one_line(reader: str, worker: Worker) -> None:
    outcomes = [worker.attempt(reader, number) for number in range(INPUTS)]
    unclean = [outcome for outcome in outcomes if not outcome.is_clean]
    assert unclean == []
