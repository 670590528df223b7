"""A preprocessing has a name that reads back, and a form for files that does."""

import json

import pytest

from edgecnn.errors import UsageError
from edgecnn.preprocessing import NAMED, Preprocessing, from_plain, parse, standardized, to_plain


@pytest.mark.parametrize("name", NAMED)
def test_a_name_reads_back(name: str) -> None:
    assert parse(name) == NAMED[name]
    assert NAMED[name].name == name


@pytest.mark.parametrize(
    "how", [*NAMED.values(), standardized((0.5,), (0.25,)), Preprocessing((2.0,), (1.0,), size=(32, 48))]
)
def test_what_a_file_holds_reads_back(how: Preprocessing) -> None:
    assert from_plain(json.loads(json.dumps(to_plain(how)))) == how


def test_mean_and_deviation_are_those_of_pixels_from_0_to_1() -> None:
    assert parse("0.1307/0.3081").name == "mnist"
    assert parse("0.5,0.5,0.5/0.25,0.25,0.25").range == pytest.approx((-2, 2))
    assert parse(parse("0.1,0.2,0.3/0.4,0.5,0.6,bgr").name) == parse("0.1,0.2,0.3/0.4,0.5,0.6,bgr")
    assert parse("-1..1").mean == pytest.approx((0.5,))


@pytest.mark.parametrize(
    "text", ["", "zero", "1/0", "nan/1", "1,2/3", "1,2/3,4", "1/2/3", "inf/1", "0.5/0.5/", "/", "1,2,3/0,1,1"]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"scale": [1], "offset": [0, 0]},
        {"scale": ["a"], "offset": [0]},
        {"scale": [1], "offset": [float("nan")]},
        {"scale": [1], "offset": [0], "size": [0, 1]},
        {"scale": 1, "offset": 0},
    ],
)
def test_a_damaged_form_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_plain(value)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("0..255", "0..255: unchanged"),
        ("0..1", "0..1: pixel / 255"),
        ("-1..1", "-1..1: (pixel / 255 - 0.5) / 0.5"),
        ("-0.5..0.5", "-0.5..0.5: pixel / 255 - 0.5"),
        ("caffe", "caffe: pixel - 103.939,116.779,123.68, in the order blue, green, red"),
        ("0.5/0.25", "0.5/0.25: (pixel / 255 - 0.5) / 0.25"),
    ],
)
def test_it_is_told_as_people_write_it(how: str, told: str) -> None:
    assert str(parse(how)) == told
