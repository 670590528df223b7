"""python -m edgecnn, and the `edgecnn` command."""

import gc
import os
import sys
from pathlib import Path

from edgecnn.processes import stopping

# Objects that are made before Python looks for garbage among all. Most of what imports make stays, so that looking
# through it every 700 objects takes a thirtieth of a cold start.
MOST_NEW = 100_000


def main() -> None:
    """Everything else is imported by `_command`, so that a signal meanwhile ends in one line too."""
    stopping.run(_command)


def _command() -> None:
    gc.set_threshold(MOST_NEW)
    from edgecnn.cli import app
    from edgecnn.errors import refusal
    from edgecnn.scratch import sweep
    from edgecnn.streams import say
    from edgecnn.terminal import adapt_streams, drop

    adapt_streams()
    sweep()
    _place_caches()
    try:
        app(prog_name="edgecnn")
    except (OSError, MemoryError) as error:
        reason = refusal(error)
        if reason is None or stopping.stopped():
            raise
        say(f"error: {reason}")
        drop(sys.stdout)  # what it could not take
        sys.exit(1)


def _place_caches() -> None:
    """Let Keras and matplotlib write into the user's cache folder, if they have no folder of the user's yet.

    Keras would make a folder of its own in the home folder, matplotlib an empty one for settings.
    """
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 (Path.home fails for a user without one)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    for name, theirs, folder in (
        ("KERAS_HOME", ".keras", "keras"),
        ("MPLCONFIGDIR", ".config/matplotlib", "matplotlib"),
    ):
        if not (home / theirs).exists():
            os.environ.setdefault(name, str(cache / folder))


if __name__ == "__main__":
    main()
