"""Text from files reaches the terminal on one line, without what acts on it, and cut where it is not a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.terminal import LONGEST, message, printable, shown

HOSTILE = ("\x1b]0;owned\x07", "a\nb", "a\r b", "\x9b2J", "\u202eevil", "\u2028", "\ud800", "\x00", "\udc9b")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_acts_on_a_terminal_is_shown_as_its_escape(text: str) -> None:
    for safe in (printable(text), shown(text), message(text)):
        assert safe.isprintable()
        assert "\\" in safe


@given(st.text(st.characters(), max_size=50))
def test_no_text_breaks_the_line(text: str) -> None:
    assert len(message(text).splitlines()) <= 1
    assert "\x1b" not in message(text)


def test_a_long_message_keeps_the_file_and_what_to_do() -> None:
    found = message(f"a.onnx has the label {'x' * 10_000_000}: export it again")
    assert len(found) < 2 * LONGEST
    assert found.startswith("a.onnx has the label xxx")
    assert found.endswith("xxx: export it again")
