"""Which labels are taken for which: counted by hand, and told on the command line."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgecnn.card import Card, TrainingRecord
from edgecnn.commands.train import print_trained
from edgecnn.confusion import Confusion, Mistake, confusion
from edgecnn.folder import ModelFolder
from edgecnn.metrics import Accuracy

NAMES = ("cat", "dog", "eel")


def of(counts: list[list[int]], names: tuple[str, ...] = NAMES) -> Confusion:
    return Confusion(np.array(counts, np.int64), names)


def test_rows_are_true_labels_and_columns_answers() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    answers = np.array([0, 1, 1, 1, 2, 2])
    counted = confusion(answers, labels, NAMES)
    assert counted.counts.tolist() == [[1, 2, 0], [0, 1, 1], [0, 0, 1]]
    assert counted.counts.dtype == np.int64
    assert counted.labels == NAMES


def test_counts_add_up_to_the_images_of_each_label_and_the_right_answers() -> None:
    rng = np.random.default_rng(0)
    labels, answers = rng.integers(0, 7, 500), rng.integers(0, 7, 500)
    counts = confusion(answers, labels, tuple("abcdefg")).counts
    assert np.array_equal(counts.sum(axis=1), np.bincount(labels, minlength=7))
    assert np.array_equal(counts.sum(axis=0), np.bincount(answers, minlength=7))
    assert counts.trace() == np.sum(labels == answers)


def test_a_label_that_neither_occurs_nor_is_answered_keeps_its_row_and_column() -> None:
    assert confusion(np.array([0]), np.array([1]), NAMES).counts.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_the_worst_are_the_most_frequent_mistakes_and_no_right_answers() -> None:
    assert of([[90, 3, 7], [0, 80, 0], [1, 0, 70]]).worst() == (
        Mistake("cat", "eel", 7, 100),
        Mistake("cat", "dog", 3, 100),
        Mistake("eel", "cat", 1, 71),
    )


def test_the_larger_share_then_the_labels_order_decides_between_equal_counts() -> None:
    worst = of([[50, 2, 2], [2, 10, 0], [2, 0, 50]]).worst()
    assert [(mistake.label, mistake.answer) for mistake in worst] == [
        ("dog", "cat"),  # 2 of 12
        ("eel", "cat"),  # 2 of 52
        ("cat", "dog"),  # 2 of 54, as is the next
        ("cat", "eel"),
    ]


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (5, 5), (100, 90)])
def test_there_are_at_most_as_many_as_asked_for(count: int, expected: int) -> None:
    assert len(of([[1] * 10] * 10, tuple("0123456789")).worst(count)) == expected


def test_without_mistakes_there_are_no_worst() -> None:
    assert of([[3, 0, 0], [0, 0, 0], [0, 0, 9]]).worst() == ()


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (Mistake("4", "9", 6, 982), "4 taken for 9: 6 of 982"),
        (Mistake("ankle boot", "bag", 1234, 12345), "ankle boot taken for bag: 1,234 of 12,345"),
    ],
)
def test_a_mistake_in_words(mistake: Mistake, text: str) -> None:
    assert str(mistake) == text


def trained(counted: Confusion) -> Any:
    """What print_trained reads of a Trained."""
    score = Accuracy("test", 9, 10)
    made = TrainingRecord("edge", 1, 128, 0, None, 1.0, "here")
    card = Card("edge", NAMES, (28, 28), "uint8", 5, training=made, validation=score, test=score)
    return SimpleNamespace(card=card, folder=ModelFolder(Path("models/edge")), confusion=counted, removed=())


def test_train_prints_the_five_worst(capsys: pytest.CaptureFixture[str]) -> None:
    print_trained(trained(of([[90, 3, 7], [6, 80, 5], [1, 2, 70]])))
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("confused"))
    assert lines[first : first + 6] == [
        "confused    cat taken for eel: 7 of 100",
        "            dog taken for cat: 6 of 91",
        "            dog taken for eel: 5 of 91",
        "            cat taken for dog: 3 of 100",
        "            eel taken for dog: 2 of 73",
        lines[-1],
    ]
    assert lines[-1].endswith("training.png, confusion.png, errors.png, filters.png")


def test_train_prints_nothing_confused_where_nothing_was(capsys: pytest.CaptureFixture[str]) -> None:
    print_trained(trained(of([[3, 0, 0], [0, 1, 0], [0, 0, 9]])))
    assert "taken for" not in capsys.readouterr().out
