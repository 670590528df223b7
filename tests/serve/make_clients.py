"""Prepares build/clients, where the clients are that the service is tried with: make_clients.py [--all]

Without --all, KServe's is left out, which takes minutes to install.
"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "build" / "clients"
LISTS = ("clients.txt", "kserve.txt")


def is_ready(name: str) -> bool:
    """Whether all that is in a list of packages is installed."""
    mark = CLIENTS / name
    return mark.exists() and mark.read_bytes() == Path(__file__).with_name(name).read_bytes()


def main() -> None:
    for name in LISTS if "--all" in sys.argv else LISTS[:1]:
        if not is_ready(name):
            install(name)


def install(name: str) -> None:
    if not (CLIENTS / "bin" / "python").exists():
        venv.create(CLIENTS, with_pip=True)
    wanted = Path(__file__).with_name(name)
    pip = [str(CLIENTS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-compile", "-r", str(wanted)], check=True, stdout=sys.stderr)
    (CLIENTS / name).write_bytes(wanted.read_bytes())  # last, so that it stands for all of them


if __name__ == "__main__":
    main()
