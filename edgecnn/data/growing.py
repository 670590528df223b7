"""Joins blocks of rows as they come, in no more memory than the whole takes in the end."""

import numpy as np

from edgecnn.data.parts import Array


class Growing:
    """Rows of numbers, of the smallest type that holds every block so far."""

    def __init__(self, first: Array) -> None:
        self._content, self._dtype, self._columns = bytearray(), first.dtype, first.shape[1]
        self.append(first)

    def append(self, block: Array) -> None:
        """Add rows, [n, columns]."""
        dtype = np.result_type(self._dtype, block.dtype)
        if dtype != self._dtype:
            self._content, self._dtype = bytearray(self.whole().astype(dtype)), dtype
        self._content += np.ascontiguousarray(block, dtype).data

    def whole(self) -> Array:
        """All rows, [n, columns], which are not copied. No more can be added while they are in use."""
        return np.frombuffer(self._content, self._dtype).reshape(-1, self._columns)
