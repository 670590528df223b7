"""What a Raspberry Pi's firmware says of its power and heat: bits for now, and for what has happened since its start.

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
SINCE_START = 16  # so many bits higher stands the same, as having happened
TIMEOUT = 2.0  # seconds
COOL = "fit a heat sink or a fan, and let the machine cool down first"
SUPPLY = "use a power supply made for this board, with a short thick cable"


def throttled(root: Path = ROOT) -> int | None:
    """The bits: from the kernel, or from the firmware's own command, which not every user may run. None elsewhere."""
    files = (root / "sys/devices/platform").glob("soc*/soc*:firmware/get_throttled")
    text = next(map(contents, files), "") or _vcgencmd().rpartition("=")[2]
    try:
        return int(text, 16)
    except ValueError:
        return None


def _vcgencmd() -> str:
    """What it prints, such as "throttled=0x50005"."""
    command = shutil.which("vcgencmd")
    if not command:
        return ""
    try:
        done = subprocess.run([command, "get_throttled"], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def during(readings: Sequence[int]) -> int:
    """What was so at any reading, and what happened between two; not what had happened before the first."""
    bits = 0
    for value in readings:
        bits |= value & NOW
    for before, after in pairwise(readings):
        bits |= (after & ~before) >> SINCE_START & NOW
    return bits


def spell(bits: int) -> str:
    """Bits of now in words."""
    return ", ".join(word for bit, word in WORDS.items() if bits & bit)


def remedy(bits: int) -> str:
    """What helps: low voltage brings all the others with it."""
    return SUPPLY if bits & UNDER_VOLTAGE else COOL
