"""Which revision of the program is measured, and when."""

import subprocess
from contextlib import suppress
from datetime import UTC, datetime

from benchmarks.lib import paths


def commit() -> str:
    """The short hash of the revision that is checked out; empty outside of a checkout."""
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "rev-parse", "--short", "HEAD"]
        return subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return ""


def today() -> str:
    """The date in UTC, as YYYY-MM-DD."""
    return datetime.now(UTC).date().isoformat()
