"""Fetches packages and sources of a Debian release from the archive that this machine's apt uses; installs nothing.

apt checks their signatures. It keeps its lists in the caller's scratch folder, so this machine's own stay as they are.
"""

import os
import subprocess
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
# apt's own download user cannot write to the scratch folder, so root downloads; and a failed download is an error.
APT = ("-oAPT::Sandbox::User=root", "-oAPT::Update::Error-Mode=any", "-oAcquire::Languages=none")


class EmulatorError(Exception):
    """An emulated processor cannot be prepared. The message says which step failed and why."""


def unpack_packages(suite: str, names: tuple[str, ...], scratch: Path) -> Path:
    """Download packages into an empty folder, and return the folder that they are unpacked to."""
    apt = _prepare_apt(f"deb [signed-by={KEYRING}] {archive()} {suite} main\n", scratch)
    output(*apt, "download", *names, cwd=scratch)
    for package in sorted(scratch.glob("*.deb")):
        output("dpkg", "-x", str(package), str(scratch / "packages"))
    return scratch / "packages"


def unpack_source(suite: str, name: str, member: str, scratch: Path) -> Path:
    """Download a package's original source into an empty folder, and return the one member of it that is unpacked."""
    apt = _prepare_apt(f"deb-src [signed-by={KEYRING}] {archive()} {suite} main\n", scratch)
    output(*apt, "source", "--download-only", name, cwd=scratch)
    [source] = scratch.glob("*.orig.tar.*")
    output("tar", "-xf", str(source), "--wildcards", f"*/{member}", cwd=scratch)
    return next(scratch.glob(f"*/{member}"))


def _prepare_apt(line: str, scratch: Path) -> list[str]:
    sources, lists = scratch / "sources.list", scratch / "lists"  # apt removes unknown files there
    sources.write_text(line, encoding="utf-8")
    (lists / "partial").mkdir(parents=True)
    places = {"Etc::SourceList": sources, "Etc::SourceParts": "/dev/null", "State::Lists": lists, "Cache": scratch}
    apt = ["apt-get", *APT, *(f"-oDir::{name}={place}" for name, place in places.items())]
    output(*apt, "update")
    return apt


def archive() -> str:
    """The address of the Debian archive that this machine's apt uses. Raises EmulatorError if there is none."""
    lines = output("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Identifier: Packages").split("\n")
    found = [
        line.split()[1] for line in lines if line and "-" not in line.split()[0]
    ]  # leaves out suites such as bookworm-security
    if not found:
        raise EmulatorError("apt has no Debian archive on this machine: add one under /etc/apt/sources.list.d")
    return found[0]


def output(*command: str, cwd: Path | None = None) -> str:
    """Run a command and return its output. Raises EmulatorError if it is missing or fails, with its last line."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, env={**os.environ, **QUIET})
    except FileNotFoundError:
        raise EmulatorError(f"{command[0]} is not installed: run this program on Debian") from None
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines()[-1:]
        raise EmulatorError(f"{Path(command[0]).name} failed: {''.join(words) or error.returncode}") from None
    return done.stdout
