"""python -m edgecnn, and the `edgecnn` command."""

from edgecnn.cli import app


def main() -> None:
    app(prog_name="edgecnn")


if __name__ == "__main__":
    main()
