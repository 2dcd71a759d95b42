"""How raw samples become a model's input: one function for the desktop, the workers and every device.

Whatever was measured of a model holds on a device only if both prepare samples alike, so this is the only place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing

LAYOUTS = ("NCHW", "NHWC", "RAW")
_MAX_CLASSES = 100_000
_MAX_CHANNELS = 4096

_Finite = Annotated[float, msgspec.Meta(ge=-1e30, le=1e30)]
_Positive = Annotated[float, msgspec.Meta(ge=1e-12, le=1e30)]


class _Declared(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON form. A key we do not know would mean a step that we do not do, so it is refused."""

    layout: Annotated[str, msgspec.Meta(pattern="^(NCHW|NHWC|RAW)$")] = "RAW"
    scale: _Positive = 1.0
    mean: Annotated[list[_Finite], msgspec.Meta(max_length=_MAX_CHANNELS)] = []
    std: Annotated[list[_Positive], msgspec.Meta(max_length=_MAX_CHANNELS)] = []
    classes: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=_MAX_CLASSES)] = []
    color: Annotated[str, msgspec.Meta(pattern="^RGB$")] = "RGB"
    """Said by people who prepare data; samples are always RGB here."""
    size: Annotated[list[int], msgspec.Meta(max_length=2)] = []
    """Height and width of the raw images; the model's own input shape is what is checked."""


def read_preprocessing(declared: Mapping[str, Any] | bytes) -> Preprocessing:
    """Read what is declared beside a model: a mapping, or its JSON.

    Raises:
        UserError: a key is unknown, a value has the wrong type or range, or `mean` and `std` differ in length.
    """
    try:
        if isinstance(declared, bytes):
            form = msgspec.json.decode(declared, type=_Declared)
        else:
            form = msgspec.convert(dict(declared), type=_Declared)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"The preprocessing cannot be used: {error}.",
            "It is a JSON object with layout (NCHW, NHWC or RAW), scale, mean, std and classes.",
        ) from error
    if form.mean and form.std and len(form.mean) != len(form.std):
        raise UserError(
            f"The preprocessing has {len(form.mean)} means but {len(form.std)} standard deviations.",
            "Give one of each per channel.",
        )
    return Preprocessing(form.layout, form.scale, tuple(form.mean), tuple(form.std), tuple(form.classes))


def prepare(x: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Prepare a batch: `(x / scale - mean) / std` in float32, then the layout.

    Args:
        x: N×H×W×C for images (`NCHW`, `NHWC`), N×… for `RAW`; any integer or floating type.
        preprocessing: `mean` and `std` hold one value, or one per channel (the last axis of `x`).

    Returns:
        A contiguous float32 array, N×C×H×W for `NCHW`, else of the shape of `x`.

    Raises:
        UserError: the type, the number of axes or the number of channels does not fit.
    """
    if x.dtype.kind not in "biuf":
        raise UserError(f"Samples of type {x.dtype} cannot be prepared.", "Store them as uint8 or float32.")
    image = preprocessing.layout != "RAW"
    if image and x.ndim != 4:
        raise UserError(
            f"The samples have the shape {_shape_text(x)}, but {preprocessing.layout} is for images.",
            "Store images as N×H×W×C, or declare the layout RAW.",
        )
    result = np.asarray(x, dtype=np.float32)
    if preprocessing.scale != 1.0:
        result = result / np.float32(preprocessing.scale)
    if preprocessing.mean:
        result = result - _per_channel("means", preprocessing.mean, x)
    if preprocessing.std:
        result = result / _per_channel("standard deviations", preprocessing.std, x)
    if preprocessing.layout == "NCHW":
        result = result.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(result, dtype=np.float32)


def prepared_shape(shape: tuple[int, ...], preprocessing: Preprocessing) -> tuple[int, ...]:
    """The shape that `prepare` gives to samples of `shape`."""
    if preprocessing.layout == "NCHW" and len(shape) == 4:
        count, height, width, channels = shape
        return count, channels, height, width
    return shape


def _per_channel(what: str, values: tuple[float, ...], x: NDArray[Any]) -> NDArray[np.float32]:
    channels = x.shape[-1] if x.ndim > 1 else 1
    if len(values) not in {1, channels}:
        raise UserError(
            f"The preprocessing has {len(values)} {what}, but the samples have {channels} channels ({_shape_text(x)}).",
            "Give one value, or one per channel.",
        )
    return np.asarray(values, dtype=np.float32)


def _shape_text(x: NDArray[Any]) -> str:
    return "×".join(str(size) for size in x.shape)
