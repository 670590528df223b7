"""Which of a model's signatures and outputs is meant; where the user must choose, what there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.errors import ModelError, UsageError

MOST_LISTED = 20


@dataclass(frozen=True)
class Selection:
    """What of a model is exported: a signature of a SavedModel, "" for the usual one, and of several outputs one."""

    signature: str = ""
    output: str = ""

    def __str__(self) -> str:
        parts = {"the signature": self.signature, "the output": self.output}
        return " and ".join(f"{what} {name!r}" for what, name in parts.items() if name)


USUAL = Selection()


def choose_output(path: Path, names: Sequence[str], wanted: str) -> str:
    """The output that is `wanted`, or else the only one. Raises UsageError for an unknown name, and ModelError."""
    if not names:
        raise ModelError(f"{path} has no output: an image classifier returns [batch, classes]")
    return choose(path, "output", names, wanted)


def choose(path: Path, kind: str, names: Sequence[str], wanted: str, usual: str = "") -> str:
    """Of one name or more the one that is `wanted`, else the `usual` one, else the only one.

    `kind` is "output" or "signature". Raises UsageError for an unknown name, and ModelError.
    """
    if wanted in names:
        return wanted
    if wanted:
        raise UsageError(f"{path} has no {kind} {wanted!r}: --{kind} takes {_listed(names)}")
    if usual in names or len(names) == 1:
        return usual if usual in names else names[0]
    raise ModelError(
        f"{path} has {len(names)} {kind}s, {_listed(names)}, and an image classifier has one: "
        f"say which by 'edgecnn export {path} --{kind} NAME'"
    )


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:MOST_LISTED], *(["others"] if len(names) > MOST_LISTED else [])]
    return " or ".join(shown) if len(shown) < 3 else f"{', '.join(shown[:-1])} or {shown[-1]}"
