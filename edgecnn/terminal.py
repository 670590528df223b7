"""What reaches the terminal: text from files made printable, and what stands for characters that the terminal lacks."""

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress
from typing import TextIO

NAME = "edgecnn"  # of the error handler, as codecs know it
PLAIN = {"×": "x", "µ": "u", "–": "-", "→": "->", "°": "", "·": "-", "✓": "yes", "✗": "no", "≤": "<=", "≥": ">="}
ESCAPED = range(0xDC80, 0xDD00)  # how Python keeps the bytes of a file name that are not text: PEP 383
RAW = range(0xDCA0, 0xDD00)  # those of them that are not control characters (C1) for a terminal
# Unicode's categories of characters that move the cursor, break the line, reorder the text or cannot be seen: control,
# format, surrogate, and the separators of lines and paragraphs.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
LONGEST = 2000  # characters of a message: more is a name from a file that is not a name
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # how a formula begins, in one spreadsheet or another
JOINERS = "\u200c\u200d"  # which Persian, Indic scripts and emoji are written with


def printable(text: str) -> str:
    """The text on one line, as a reader may see it safely: whatever acts on a terminal becomes its escape (`\\x1b`)."""
    return text if text.isprintable() else "".join(map(_visible, text))


def shown(text: str) -> str:
    """`printable` for stdout and stderr, where a file name that is not UTF-8 passes as its own bytes."""
    if text.isprintable() or _is_printable_name(text):
        return text
    return "".join(c if ord(c) in RAW else _visible(c) for c in text)


def _is_printable_name(text: str) -> bool:
    """Whether it is a file name of printable UTF-8, in a locale that does not know UTF-8."""
    with suppress(UnicodeError):
        return os.fsencode(text).decode("utf-8").isprintable()
    return False


def message(text: str) -> str:
    """`shown`, and without the middle of what is too long: a message begins with a file and ends with what to do."""
    half = LONGEST // 2
    return shown(text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}")


def as_text(cell: str) -> str:
    """A cell of a table without formulas: a spreadsheet would compute a text that begins like one.

    An apostrophe makes it a text. Names of files and folders come from elsewhere. Source: OWASP, "CSV Injection".
    """
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


def _visible(character: str) -> str:
    if unicodedata.category(character) not in INVISIBLE or character in JOINERS:
        return character
    if ord(character) in ESCAPED:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def adapt_streams() -> None:
    """Let the streams pass file names on as they are, and replace what stdout and stderr cannot encode.

    A stream that is closed becomes the null device: else the next file that is opened would take its place, and would
    get whatever a library prints.
    """
    codecs.register_error(NAME, replace)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _null(descriptor))
    if isinstance(sys.stdin, io.TextIOWrapper):  # the names of files, which only a line feed ends
        sys.stdin.reconfigure(encoding=sys.getfilesystemencoding(), errors="surrogateescape", newline="\n")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NAME)


def _null(descriptor: int) -> io.TextIOWrapper:
    to_null(descriptor)
    return open(descriptor, "w" if descriptor else "r", closefd=False)


def to_null(descriptor: int) -> None:
    """Let one of the process's streams lead nowhere, for its children too."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    if null != descriptor:
        os.close(null)


def drop(stream: TextIO) -> None:
    """Discard what a stream that cannot be written still holds: else Python reports it once more as it ends."""
    with suppress(OSError, ValueError):
        to_null(stream.fileno())


def replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler of `codecs`: what stands in the place of the characters that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return b"".join(map(_in_place_of, lacking)), error.end


def _in_place_of(character: str) -> bytes:
    if ord(character) in ESCAPED:
        return bytes([ord(character) - 0xDC00])
    if character in PLAIN:
        return PLAIN[character].encode()
    without_accent = unicodedata.normalize("NFKD", character).encode("ascii", "ignore")
    return without_accent or b"?"
