"""Which onnxruntime a file needs that is too new for the installed one."""

import re

import pytest

from edgecnn.runtime.too_new import what_it_needs

# What onnxruntime 1.31.0 and 1.32.0 say.
OPSET = "Opset {} is under development and support for this is limited. Current official support is till opset {}."
IR_VERSION = "Unsupported model IR version: {}, max supported IR version: {}"


@pytest.mark.parametrize(
    ("message", "installed", "wanted"),
    [
        (OPSET.format(27, 26), "1.31.0", "has opset 27, and this one takes 26 at most; .*, 1.32.0 or later, or export"),
        (OPSET.format(99, 26), "1.31.0", "a release after 1.32.0, or export it with a lower --opset"),
        (OPSET.format(30, 29), "1.40.1", "a release after 1.40.1"),
        (IR_VERSION.format(14, 13), "1.31.0", "has IR version 14, .* 1.32.0 or later, or save it with IR version 13"),
        (IR_VERSION.format(15, 14), "1.32.0", "a release after 1.32.0, or save it with IR version 14"),
        ("its opset is odd", "1.32.0", "its opset is odd; install a newer onnxruntime"),
    ],
)
def test_the_release_that_would_do_is_named(message: str, installed: str, wanted: str) -> None:
    told = what_it_needs(message, installed)
    assert told
    assert re.search(wanted, told), told


def test_other_messages_say_nothing_of_releases() -> None:
    assert what_it_needs("the graph has no nodes", "1.32.0") is None
