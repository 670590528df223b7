"""Commands that are killed or stopped at random moments leave a whole folder, no process, and say what was kept.

A short form of `python -m benchmarks kills`, with other moments each time; a fault tells its command and moment.
"""

import random
import time
from pathlib import Path

import pytest

from benchmarks.lib.killing import COMMANDS, SIGNALS, Kill, Place, carry_out

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.tensorflow]
SECONDS = 15.0  # for the kills: what prepares them takes twice as long
# Seconds in which each command does the most that a kill could spoil, here or on a slower machine.
MOMENTS = {
    "train": (1.0, 8.0),
    "export": (1.0, 7.0),
    "export --quantize": (1.0, 12.0),
    "bench": (0.5, 6.0),
    "predict": (0.2, 1.0),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("base"))
    place.prepare()
    return place


def test_whatever_the_moment_nothing_is_lost_or_left(base: Place, tmp_path: Path) -> None:
    end, drawn = time.monotonic() + SECONDS, random.Random()
    while time.monotonic() < end:
        command = drawn.choice(list(COMMANDS))
        kill = Kill(command, drawn.choice(SIGNALS), drawn.uniform(*MOMENTS[command]))
        outcome = carry_out(kill, base, tmp_path / "place")
        assert outcome.faults == (), f"{kill}: {outcome.words}"
