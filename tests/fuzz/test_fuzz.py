"""Damaged files are read, or refused in one line: a few of each kind, always the same. `make fuzz` tries others."""

import pytest
from fuzz.campaign import outcomes
from fuzz.readers import READERS

INPUTS = 25  # for each reader


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused_in_one_line(reader: str) -> None:
    unclean = [outcome for outcome in outcomes(reader, range(INPUTS)) if not outcome.is_clean]
    assert unclean == []
