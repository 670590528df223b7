"""Settings as a file's metadata holds them."""

from pathlib import Path
from typing import Any

import odd_models as odd
import pytest

from edgecnn.host.machine import fingerprint, usable_cpus
from edgecnn.info import inspect
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.settings import Settings, stored, with_settings

HERE, THERE = "0123456789abcdef", "fedcba9876543210"
CHOSEN = Settings(threads=1, arena=False)
ENTRY_HERE = {"threads": 1, "spinning": False, "arena": False, "onnxruntime": "1.30.0"}


def test_settings_are_read_as_they_were_written_for_one_host_and_version() -> None:
    hosts = with_settings({}, HERE, "1.30.0", CHOSEN)
    assert hosts == {HERE: ENTRY_HERE}
    assert stored(hosts, HERE, "1.30.0") == CHOSEN
    assert stored(hosts, THERE, "1.30.0") == Settings()
    assert stored(hosts, HERE, "1.30.1") == Settings()


def test_settings_of_several_hosts_stand_beside_one_another() -> None:
    one = with_settings({}, HERE, "1.30.0", CHOSEN)
    both = with_settings(one, THERE, "1.31.0", Settings(spinning=True))
    assert (stored(both, HERE, "1.30.0"), stored(both, THERE, "1.31.0")) == (CHOSEN, Settings(spinning=True))
    renewed = with_settings(both, HERE, "1.31.0", Settings())
    assert list(renewed) == [HERE, THERE]
    assert stored(renewed, HERE, "1.30.0") == Settings()


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 0},
        {"threads": -1},
        {"threads": len(usable_cpus()) + 1},
        {"threads": True},
        {"threads": "1"},
        {"threads": 1.0},
        {"spinning": 1},
        {"arena": None},
    ],
)
def test_a_malformed_entry_gives_the_defaults(change: dict[str, Any]) -> None:
    assert stored({HERE: ENTRY_HERE | change}, HERE, "1.30.0") == Settings()


@pytest.mark.parametrize("more", [{"cached": True}, {"cached": "yes"}, {"more": [1]}])
def test_what_another_version_of_edgecnn_stored_beside_the_settings_is_ignored(more: dict[str, Any]) -> None:
    assert stored({HERE: ENTRY_HERE | more}, HERE, "1.30.0") == CHOSEN


@pytest.mark.parametrize("entry", [1, {}, [], None, "fast"])
def test_another_form_gives_the_defaults_and_is_written_over(entry: Any) -> None:
    assert stored({HERE: entry}, HERE, "1.30.0") == Settings()
    assert stored(with_settings({HERE: entry}, HERE, "1.30.0", CHOSEN), HERE, "1.30.0") == CHOSEN


@pytest.mark.parametrize("key", ENTRY_HERE)
def test_an_incomplete_entry_gives_the_defaults(key: str) -> None:
    entry = {name: value for name, value in ENTRY_HERE.items() if name != key}
    assert stored({HERE: entry}, HERE, "1.30.0") == Settings()


def test_a_session_has_at_least_one_thread() -> None:
    with pytest.raises(ValueError, match="at least one thread, not 0"):
        Settings(threads=0)


def test_info_shows_the_settings_of_every_host(tmp_path: Path) -> None:
    hosts = with_settings(with_settings({}, HERE, "1.30.0", CHOSEN), fingerprint(), "1.0", Settings())
    path = odd.save(odd.linear(metadata=ModelMetadata(settings=hosts).entries()), tmp_path / "odd.onnx")
    shown = inspect(path)[0].metadata["settings"]
    assert shown[HERE] == ENTRY_HERE
    assert set(shown) == {HERE, fingerprint()}
