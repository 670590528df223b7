"""The JSON of a run: figures first, all raw samples below them, checked by type on the way back in."""

from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal

import msgspec

from edgecnn.bench.compare import Comparison
from edgecnn.bench.figures import Pair, Row, Summary
from edgecnn.bench.results import Bench
from edgecnn.errors import BenchError
from edgecnn.files import read_bytes, require_few_values

FORMAT: Literal[3] = 3  # 2 called stability issues doubts, 1 had none of them
# Of a run with all its samples, which has a few megabytes: of the file, and of its values in memory.
MOST_BYTES, MOST_MEMORY = 2**27, 2**28
LARGEST = 2**63  # nanoseconds, bytes or images
SCHEMA = Path(__file__).with_name("schema.json")


@dataclass(frozen=True)
class Document:
    """What `--json` writes. `contenders` and `pairs` follow from `bench`, which has everything that was measured."""

    format: Literal[3]
    stable: bool
    contenders: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    comparison: Comparison | None
    bench: Bench


def to_json(summary: Summary, comparison: Comparison | None = None) -> str:
    """The run as one line of JSON, of the form that `schema.json` describes."""
    return encode(document_of(summary, comparison))


def document_of(summary: Summary, comparison: Comparison | None = None) -> Document:
    bench = summary.bench
    return Document(FORMAT, bench.is_stable, summary.rows, summary.pairs, comparison, bench)


def encode(value: object) -> str:
    """A record as one line of JSON."""
    return msgspec.json.encode(value, enc_hook=str).decode() + "\n"


def read(path: Path) -> Bench:
    """The run that a file holds. Raises BenchError for a file that cannot be read, or that `to_json` did not write."""
    try:
        return decode(read_bytes(path, MOST_BYTES))
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}; give a file that --json wrote") from None
    except (ValueError, RecursionError, BenchError) as error:
        raise BenchError(
            f"{path} is not what this version's 'edgecnn bench --json' writes ({error}): measure again"
        ) from None


def decode(content: bytes) -> Bench:
    """The run that JSON holds. Raises ValueError, RecursionError or BenchError if `to_json` did not write it."""
    require_few_values(content, MOST_MEMORY)
    tree = msgspec.json.decode(content)
    _require_bounded(tree)
    return msgspec.convert(tree, Document, dec_hook=_from_text).bench


def _require_bounded(tree: Any) -> None:
    """Raise ValueError for a number that arithmetic cannot take."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError("a number in it is too large")


def schema() -> dict[str, Any]:
    """The JSON Schema of a document, as `schema.json` has it."""
    found: dict[str, Any] = msgspec.json.schema(Document, schema_hook=lambda _: {"type": "string"})
    for part in found["$defs"].values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])  # as Python itself does from 3.13 on
    return found


def _from_text(kind: type, value: Any) -> Any:
    return kind(value)  # a Path, the one type here that JSON has not
