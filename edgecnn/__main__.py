"""python -m edgecnn, and the `edgecnn` command."""

import sys

from edgecnn.processes import stopping


def main() -> None:
    """Everything else is imported by `_command`, so that a signal meanwhile ends in one line too."""
    stopping.run(_command)


def _command() -> None:
    from edgecnn.cli import app
    from edgecnn.errors import refusal
    from edgecnn.scratch import sweep
    from edgecnn.streams import say
    from edgecnn.terminal import adapt_streams, drop

    adapt_streams()
    sweep()
    try:
        app(prog_name="edgecnn")
    except (OSError, MemoryError) as error:
        reason = refusal(error)
        if reason is None or stopping.stopped():
            raise
        say(f"error: {reason}")
        drop(sys.stdout)  # what it could not take
        sys.exit(1)


if __name__ == "__main__":
    main()
