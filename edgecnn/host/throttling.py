"""Reads what a Raspberry Pi reports about power and heat: bits for its state now, and for events since it started.

Source of the bits: Raspberry Pi documentation, section "vcgencmd", get_throttled.
"""

import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from edgecnn.host.machine import ROOT, contents

WORDS = {0x1: "under-voltage", 0x2: "a capped clock", 0x4: "throttling", 0x8: "the soft temperature limit"}
UNDER_VOLTAGE, NOW = 0x1, 0xF
SINCE_START = 16  # the same states, shifted by this many bits, say what has happened since the start
TIMEOUT = 2.0  # seconds
COOL = "fit a heat sink or a fan, and let the machine cool down first"
SUPPLY = "use a power supply made for this board, with a short thick cable"


def throttled(root: Path = ROOT) -> int | None:
    """The bits, from the kernel or else from vcgencmd, which not every user may run.

    None on other machines.
    """
    files = (root / "sys/devices/platform").glob("soc*/soc*:firmware/get_throttled")
    text = next(map(contents, files), "") or _vcgencmd().rpartition("=")[2]
    try:
        return int(text, 16)
    except ValueError:
        return None


def _vcgencmd() -> str:
    """What `vcgencmd get_throttled` prints, such as "throttled=0x50005"; empty if it cannot be run."""
    command = shutil.which("vcgencmd")
    if not command:
        return ""
    try:
        done = subprocess.run([command, "get_throttled"], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def during(readings: Sequence[int]) -> int:
    """The states that were reported between the first reading and the last, as bits of the present state.

    Events from before the first reading are left out.
    """
    bits = 0
    for value in readings:
        bits |= value & NOW
    for before, after in pairwise(readings):
        bits |= (after & ~before) >> SINCE_START & NOW
    return bits


def spell(bits: int) -> str:
    """The bits of the present state in words."""
    return ", ".join(word for bit, word in WORDS.items() if bits & bit)


def remedy(bits: int) -> str:
    """What to do about it. A low voltage causes all the other states, so it comes first."""
    return SUPPLY if bits & UNDER_VOLTAGE else COOL
