"""The IDX format, by property: what is whole is read exactly, what is not is refused."""

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from edgecnn.data import Dataset, idx
from edgecnn.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

untimed = settings(deadline=None)
arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


def encode(array: NDArray[Any]) -> bytes:
    """An IDX file, written from the format's description and not from the parser."""
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@untimed
@given(arrays)
def test_any_array_comes_back_as_it_was(array: NDArray[Any]) -> None:
    parsed = idx.parse(encode(array), "a.idx")
    np.testing.assert_array_equal(parsed, array, strict=True)
    assert parsed.dtype.isnative


@untimed
@given(arrays, st.data())
def test_any_truncation_is_refused(array: NDArray[Any], data: st.DataObject) -> None:
    whole = encode(array)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DataError, match=r"^a\.idx is truncated"):
        idx.parse(whole[:length], "a.idx")


@untimed
@given(arrays, st.binary(min_size=1, max_size=9))
def test_any_appended_byte_is_refused(array: NDArray[Any], more: bytes) -> None:
    with pytest.raises(DataError, match=r"^a\.idx is too long"):
        idx.parse(encode(array) + more, "a.idx")


def assert_refused_or_exact(content: bytes) -> None:
    with suppress(DataError):
        array = idx.parse(content, "a.idx")
        np.testing.assert_array_equal(idx.parse(encode(array), "a.idx"), array)


@untimed
@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_refused_or_read(content: bytes) -> None:
    assert_refused_or_exact(content)


@untimed
@given(
    st.sampled_from(sorted(CODES.values())),
    st.lists(st.sampled_from([0, 1, 2, 0xFFFF, 2**31, 2**32 - 1]), min_size=0, max_size=5),
    st.binary(max_size=16),
)
@example(0x08, [0, *[2**32 - 1] * 3], b"")  # no values, and yet more than an address can count
def test_forged_dimensions_are_refused_or_read(code: int, sizes: list[int], values: bytes) -> None:
    assert_refused_or_exact(bytes([0, 0, code, len(sizes)]) + b"".join(n.to_bytes(4, "big") for n in sizes) + values)


@pytest.mark.parametrize(
    "start",
    [b"\x89PNG", b"PK\x03\x04", b"\0\1\x08\1", b"\0\0\x0a\1", b"\0\0\x08\0", b"\0\0\x08\5"],
    ids=["PNG", "zip", "no zeros", "unknown type", "rank 0", "rank 5"],
)
def test_another_magic_number_is_named(start: bytes) -> None:
    with pytest.raises(DataError, match=rf"a\.idx is not an IDX file: it starts with {start.hex(' ')}"):
        idx.parse(start + bytes(100), "a.idx")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_is_read_gzipped_or_plain(tmp_path: Path, mnist: Dataset, zipped: bool) -> None:
    images, path = mnist.test.images[:100], tmp_path / "images"
    path.write_bytes(gzip.compress(encode(images)) if zipped else encode(images))
    np.testing.assert_array_equal(idx.read(path), images, strict=True)


@pytest.mark.parametrize("kept", [2, 5, 11, 500, -9, -4, -1])
def test_truncated_gzip_is_refused(tmp_path: Path, mnist: Dataset, kept: int) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(encode(mnist.test.images[:100]))[:kept])
    with pytest.raises(DataError, match=r"images\.gz is truncated or corrupt .*copy it again"):
        idx.read(path)


@untimed
@given(st.data())
def test_a_flipped_byte_in_a_gzip_never_changes_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    values = np.arange(200, dtype=np.int16).reshape(20, 10)
    content = bytearray(gzip.compress(encode(values)))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.gz"
    path.write_bytes(content)
    with suppress(DataError):
        np.testing.assert_array_equal(idx.read(path), values, strict=True)  # the gzip header's time does not matter


@pytest.mark.parametrize(("name", "reason"), [("nothing.gz", "No such file"), (".", "it is not a regular file")])
def test_a_file_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path}.* cannot be read \({reason}.*\): check") as caught:
        idx.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
