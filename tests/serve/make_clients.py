"""Prepares build/clients, where the clients are that the service is tried with: python tests/serve/make_clients.py"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "build" / "clients"
WANTED = Path(__file__).with_name("clients.txt")
READY = CLIENTS / "clients.txt"  # what is installed, once all of it is


def main() -> None:
    if READY.exists() and READY.read_bytes() == WANTED.read_bytes():
        return
    READY.unlink(missing_ok=True)
    venv.create(CLIENTS, with_pip=True)
    pip = [str(CLIENTS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(WANTED)], check=True, stdout=sys.stderr)
    READY.write_bytes(WANTED.read_bytes())


if __name__ == "__main__":
    main()
