"""JSON that asks for much memory: reports of a bench and cards of a model folder."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.lib.paths import ROOT

Make = Callable[[Path], object]
NANO = ROOT / "models" / "nano"
AT_ONCE = 10_000


def nested(path: Path, start: bytes, depth: int) -> None:
    """Lists in lists, or objects in objects."""
    path.write_bytes(start * depth)


def repeated(path: Path, head: bytes, item: bytes, count: int, end: bytes) -> None:
    """One item, many times."""
    with path.open("wb") as file:
        file.write(head)
        for _ in range(count // AT_ONCE):
            file.write(item * AT_ONCE)
        file.write(end)


def card(path: Path, write: Make) -> None:
    """A model folder whose card is written so."""
    shutil.copytree(NANO, path)
    (path / "card.json").unlink()
    write(path / "card.json")


WRITTEN: Mapping[str, Make] = {
    "1,000,000 lists in lists": partial(nested, start=b"[", depth=1_000_000),
    "1,000,000 objects in objects": partial(nested, start=b'{"a":', depth=1_000_000),
    "30,000,000 empty objects": partial(repeated, head=b'{"contenders": [', item=b"{},", count=30_000_000, end=b"{}]}"),
    "20,000,000 numbers": partial(repeated, head=b'{"contenders": [', item=b"1,", count=20_000_000, end=b"1]}"),
    "a text of 500 MB": partial(repeated, head=b'{"schema": "', item=b"x" * 50, count=10_000_000, end=b'"}'),
    "a number of 50,000,000 digits": partial(repeated, head=b'{"schema": ', item=b"9", count=50_000_000, end=b"}"),
    "5,000,000 keys": partial(repeated, head=b"{", item=b'"abc": 1,', count=5_000_000, end=b'"a": 1}'),
}


REPORTS: Mapping[str, tuple[str, Make]] = {name: ("b.json", write) for name, write in WRITTEN.items()}
CARDS: Mapping[str, tuple[str, Make]] = {name: ("m", partial(card, write=write)) for name, write in WRITTEN.items()}
