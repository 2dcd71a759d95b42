"""Arrays in NumPy's own format from a stranger: no pickles, and nothing of a size that the file does not hold."""

from __future__ import annotations

from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgeyard.domain.error import UserError

SAVE_PLAINLY = "Save it with numpy.savez(path, x=samples, y=labels) from plain number arrays."
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npy(stream: IO[bytes], available_bytes: int, name: str, title: str) -> NDArray[Any]:
    """Read the array `name` of the data set `title` from `stream`, which holds at most `available_bytes`.

    Raises:
        UserError: damaged, Python objects inside, or not the size that its header says.
    """
    try:
        read_header = _HEADERS[npy.read_magic(stream)]
        shape, column_order, dtype = read_header(stream)
    except Exception as error:  # NumPy evaluates and tokenizes the header: much can go wrong there
        raise UserError(f"The array {name} of the {title} is damaged.", SAVE_PLAINLY) from error
    if dtype.hasobject:
        raise UserError(
            f"The array {name} of the {title} holds Python objects (pickles), which can run code.",
            f"They are never loaded. {SAVE_PLAINLY}",
        )
    size_bytes = prod(shape) * dtype.itemsize
    # What the header asks for must be what the file holds, before anything of that size is made.
    data = stream.read(size_bytes + 1) if 0 <= size_bytes <= available_bytes else b""
    if len(data) != size_bytes:
        raise UserError(f"The array {name} of the {title} does not hold what it says.", SAVE_PLAINLY)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if column_order else "C")
