"""Hostile inputs for the real commands: each is read as what it is or refused in one line.

Nothing of them is run, no file outside of the output folder is written, no secret is read, and nobody is called.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import odd_models as odd
import pytest
import tracing
from payloads.attack import MARK
from payloads.catalogue import CANARY, PAYLOADS, Payload, Place, Result, digit

from edgecnn.terminal import JOINERS

TESTS = Path(__file__).parent.parent
for kind in ("onnx", "keras", "saved_models", "data", "pictures", "text", "folders"):
    import_module(f"payloads.in_{kind}")

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.tensorflow]
PROGRAMS = {Path(sys.executable).name, "uname", "fc-list"}  # Python's and matplotlib's own questions to the system


@dataclass(frozen=True)
class Attack:
    """What came of all payloads: the results of each, in the order of its commands, and the system calls meanwhile.

    There are no calls where nothing can be traced.
    """

    place: Place
    results: Mapping[str, Sequence[Result]]
    calls: Mapping[str, Sequence[tracing.Call]]
    untouched: bool
    called: bool


def key(item: Payload) -> str:
    return f"{item.kind}-{item.name}"


def folder_of(item: Payload, place: Place) -> Path:
    return place.root / "work" / key(item)


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    root = tmp_path_factory.mktemp("payloads")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        place = Place(root, listener.getsockname()[1])
        _fill(place)
        for item in PAYLOADS:
            folder_of(item, place).mkdir()
            item.build(folder_of(item, place), place)
        before = _contents(place.secret)
        results = _run(place)
        calls = _traced(place)
        try:
            listener.accept()
            called = True
        except BlockingIOError:
            called = False
        yield Attack(place, results, calls, _contents(place.secret) == before, called)


def _fill(place: Place) -> None:
    for name in ("home", "temporary", "work", "secret"):
        (place.root / name).mkdir()
    (place.secret / "weights.bin").write_bytes(odd.weights_of(odd.linear()))
    (place.secret / "secret.csv").write_text(f"{CANARY},{CANARY}\n{CANARY},1\n")
    digit(place.secret / "digit.png")
    np.savez(place.secret / "secret.npz", x=np.zeros(3))


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _tasks(place: Place) -> list[tuple[str, list[str]]]:
    return [
        (str(folder_of(item, place)), [part.replace("{address}", place.address) for part in shlex.split(command)])
        for item in PAYLOADS
        for command in item.commands
    ]


def _run(place: Place) -> dict[str, list[Result]]:
    """Run all commands in one process, which nothing protects but edgecnn."""
    tasks, results = place.root / "tasks.json", place.root / "results.json"
    tasks.write_text(json.dumps(_tasks(place)))
    command = [sys.executable, "-P", "-m", "payloads.attack", str(tasks), str(results)]
    if tracing.can_trace(place.root):
        command = [*tracing.command(place.root / "trace"), *command]
    environment = tracing.environment(place.root)
    environment["PYTHONPATH"] += f"{os.pathsep}{TESTS}"
    environment["ORT_LOAD_CONFIG_FROM_MODEL"] = "1"
    done = subprocess.run(
        command, cwd=place.root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ended = iter(json.loads(results.read_text()))
    return {key(item): [Result(*next(ended)) for _ in item.commands] for item in PAYLOADS}


def _traced(place: Place) -> dict[str, list[tracing.Call]]:
    """The calls of each payload's commands: those between its marks and the next one's."""
    owners = [key(item) for item in PAYLOADS for _ in item.commands]
    calls: dict[str, list[tracing.Call]] = {owner: [] for owner in owners}
    owner = ""
    for call in tracing.calls(place.root / "trace") if (place.root / "trace").exists() else ():
        if MARK.format("") in call.arguments and call.name in tracing.OPENING:
            number = call.arguments.partition(MARK.format(""))[2].partition('"')[0]
            owner = owners[int(number)] if number else ""
        elif owner:
            calls[owner].append(call)
    return calls


@pytest.mark.parametrize("item", PAYLOADS, ids=key)
def test_a_payload_is_read_as_what_it_is_or_refused(item: Payload, attack: Attack) -> None:
    for command, result in zip(item.commands, attack.results[key(item)], strict=True):
        said = f"{command}: {result}"
        assert (result.code in (1, 2)) if item.code else (result.code == 0), said
        assert item.says in result.out + result.err, said
        assert "Traceback" not in result.err, said
        assert not item.code or _is_refusal(command, result.err), said
        assert CANARY not in result.out + result.err, said
        assert _is_harmless(result.out + result.err), said
        if item.check:
            item.check(folder_of(item, attack.place), result)


def _is_refusal(command: str, err: str) -> bool:
    """Whether it is one line; of a bench, one for each contender."""
    lines = err.splitlines()
    return all(line.startswith("error: ") for line in lines) and (len(lines) == 1 or command.startswith("bench"))


def _is_harmless(text: str) -> bool:
    """Whether no character acts on the terminal, beyond a tab and the end of a line."""
    return all(character.isprintable() or character in f"\n\t{JOINERS}" for character in text)


@pytest.mark.parametrize("item", PAYLOADS, ids=key)
def test_a_payload_writes_reads_runs_and_reaches_nothing_else(item: Payload, attack: Attack) -> None:
    calls, place = attack.calls[key(item)], attack.place
    folder = folder_of(item, place)
    allowed = [folder / "out", place.root / "temporary", place.root / "home" / ".cache"]
    written = tracing.written(calls, folder)
    assert {path for path in written if not any(path.is_relative_to(one) for one in allowed)} == set()
    assert item.looks or {path for path in tracing.opened(calls) if path.startswith(str(place.secret))} == set()
    assert {Path(program).name for program in tracing.executed(calls)} <= PROGRAMS
    assert [call for call in calls if call.name in tracing.NETWORK and "AF_INET" in call.arguments] == []


def test_no_payload_left_a_trace(attack: Attack) -> None:
    """The same without strace: the files, and who was listening."""
    place = attack.place
    assert not place.marker.exists()
    assert attack.untouched
    assert not attack.called
    assert list((place.root / "temporary").iterdir()) == []
    assert [path for path in (place.root / "home").iterdir() if path.name != ".cache"] == []
    assert not list(place.root.glob("work/*/marker"))
