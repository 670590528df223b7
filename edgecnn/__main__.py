"""python -m edgecnn, and the `edgecnn` command."""

from edgecnn.cli import app
from edgecnn.terminal import adapt_streams


def main() -> None:
    adapt_streams()
    app(prog_name="edgecnn")


if __name__ == "__main__":
    main()
