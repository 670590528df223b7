"""What to print where the terminal's character set lacks a character: the one place that knows."""

import codecs
import io
import sys
import unicodedata

NAME = "edgecnn"  # of the error handler, as codecs know it
PLAIN = {"×": "x", "µ": "u", "–": "-", "→": "->", "°": "", "·": "-", "✓": "yes", "✗": "no", "≤": "<=", "≥": ">="}
ESCAPED = range(0xDC80, 0xDD00)  # how Python keeps the bytes of a file name that are not text: PEP 383


def adapt_streams() -> None:
    """Let stdout and stderr replace what they cannot encode, and all three pass file names on as they are."""
    codecs.register_error(NAME, replace)
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, NAME), (sys.stderr, NAME)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


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
