"""Which onnxruntime a file needs that is too new for the installed one."""

import re
from dataclasses import dataclass

OPSET = re.compile(r"Opset (\d+) is under development.*till opset (\d+)")
IR_VERSION = re.compile(r"model IR version: (\d+), max supported IR version: (\d+)")


@dataclass(frozen=True)
class Release:
    """A release of onnxruntime, and the newest opset and IR version of a file that it opens."""

    version: str
    opset: int
    ir_version: int


# What these releases themselves answered to a file of opset 99 and to one of IR version 99, oldest first.
RELEASES = (Release("1.31.0", 26, 13), Release("1.32.0", 28, 14))


def what_it_needs(message: str, installed: str) -> str | None:
    """What to tell of onnxruntime's message about a file that is too new for it; None for another message."""
    if found := OPSET.search(message):
        has, most = map(int, found.groups())
        would = next((release.version for release in RELEASES if release.opset >= has), None)
        return _told(f"opset {has}", most, installed, would, "export it with a lower --opset")
    if found := IR_VERSION.search(message):
        has, most = map(int, found.groups())
        would = next((release.version for release in RELEASES if release.ir_version >= has), None)
        return _told(f"IR version {has}", most, installed, would, f"save it with IR version {most}")
    if "opset" in message or "IR version" in message:
        return f"{message}; install a newer onnxruntime or export with a lower --opset"
    return None


def _told(has: str, most: int, installed: str, would: str | None, otherwise: str) -> str:
    wanted = f"{would} or later" if would else f"a release after {_latest(installed)}"
    return f"it has {has}, and this one takes {most} at most; install a newer onnxruntime, {wanted}, or {otherwise}"


def _latest(installed: str) -> str:
    """The latest release of which it is known that it would not do."""
    known = RELEASES[-1].version
    return max(installed, known, key=lambda version: [int(part) for part in re.findall(r"\d+", version)])
