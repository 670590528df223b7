"""edgecnn doctor."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from edgecnn import streams
from edgecnn.commands import options as opt
from edgecnn.streams import put

if TYPE_CHECKING:
    from edgecnn.doctor import Check


def doctor(as_json: opt.Json = False) -> None:
    """Check whether this machine can train, export and run models.

    It exits with 1 if something would not work.
    """
    from edgecnn.doctor import examine, healthy

    checks = examine()
    if as_json:
        streams.print_json([asdict(check) for check in checks])
    else:
        _print(checks)
    if not healthy(checks):
        raise typer.Exit(1)


def _print(checks: "Sequence[Check]") -> None:
    topics = max(len(check.topic) for check in checks)
    for check in checks:
        put(f"{check.status:<8} {check.topic:<{topics}}  {check.found}")
        if check.remedy:
            put(f"{'':<8} {'':<{topics}}  → {check.remedy}")
