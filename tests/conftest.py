"""The fixtures that all tests share, the marks that follow from them, and the order in which files are handed out."""

import pytest
from shared_fixtures import (
    edgecnn,
    edgecnn_in_one_process,
    exported,
    few_digits,
    mnist,
    pi,
    pi_in_one_process,
    pi_python,
    small_mnist,
    tiny,
)

__all__ = [
    "edgecnn",
    "edgecnn_in_one_process",
    "exported",
    "few_digits",
    "mnist",
    "pi",
    "pi_in_one_process",
    "pi_python",
    "small_mnist",
    "tiny",
]

MARK_OF_FIXTURE = {
    "exported": pytest.mark.tensorflow,
    "browser": pytest.mark.browser,
    "emulator": pytest.mark.emulator,
}


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: handed out last, one would keep a process busy while the others have none."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in MARK_OF_FIXTURE:
                item.add_marker(MARK_OF_FIXTURE[name])
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
