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
from edgeyard.domain.model import Preprocessing, Resize
from edgeyard.domain.resize import crop_centre, resize_images

LAYOUTS = ("NCHW", "NHWC", "RAW")
MAX_SIDE = 8192
"""Of an image, in pixels."""
_MAX_CLASSES = 100_000
_MAX_CHANNELS = 4096

_Finite = Annotated[float, msgspec.Meta(ge=-1e30, le=1e30)]
_Positive = Annotated[float, msgspec.Meta(ge=1e-12, le=1e30)]


_Side = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)]

# Rec. 601 luma in 16-bit fixed point, as Pillow's convert("L"): the same grey everywhere.
_LUMA = np.array([19595, 38470, 7471], np.int32)


class _DeclaredResize(msgspec.Struct, forbid_unknown_fields=True):
    height: _Side
    width: _Side
    mode: Annotated[str, msgspec.Meta(pattern="^(bilinear|center-crop)$")] = "bilinear"


class _Declared(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON form. A key we do not know would mean a step that we do not do, so it is refused."""

    layout: Annotated[str, msgspec.Meta(pattern="^(NCHW|NHWC|RAW)$")] = "RAW"
    scale: _Positive = 1.0
    mean: Annotated[list[_Finite], msgspec.Meta(max_length=_MAX_CHANNELS)] = []
    std: Annotated[list[_Positive], msgspec.Meta(max_length=_MAX_CHANNELS)] = []
    classes: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=_MAX_CLASSES)] = []
    color: Annotated[str, msgspec.Meta(pattern="^(RGB|BGR|GRAY)$")] = "RGB"
    size: Annotated[list[int], msgspec.Meta(max_length=2)] = []
    """Height and width of the raw images; the model's own input shape is what is checked."""
    resize: _DeclaredResize | None = None


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
            "It is a JSON object with layout (NCHW, NHWC or RAW), scale, mean, std, classes, color and resize.",
        ) from error
    if form.mean and form.std and len(form.mean) != len(form.std):
        raise UserError(
            f"The preprocessing has {len(form.mean)} means but {len(form.std)} standard deviations.",
            "Give one of each per channel.",
        )
    if form.layout == "RAW" and (form.resize is not None or form.color != "RGB"):
        raise UserError(
            "The preprocessing has the layout RAW, but also a resize or a colour order, which are for images.",
            "Declare the layout NCHW or NHWC, or leave the others out.",
        )
    resize = None if form.resize is None else Resize(form.resize.height, form.resize.width, form.resize.mode)
    mean, std, classes = tuple(form.mean), tuple(form.std), tuple(form.classes)
    return Preprocessing(form.layout, form.scale, mean, std, classes, form.color, resize)


def prepare(x: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Prepare a batch: resize, colour order, `(x / scale - mean) / std` in float32, then the layout.

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
    if image:
        x = _in_color(resized(x, preprocessing.resize), preprocessing.color)
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


def resized(x: NDArray[Any], resize: Resize | None) -> NDArray[Any]:
    """Images N×H×W×C brought to the declared size; as they are where none is declared, or they have it already."""
    if resize is None or x.shape[1:3] == (resize.height, resize.width):
        return x
    if max(x.shape[1:3]) > MAX_SIDE:
        raise UserError(
            f"The images are {x.shape[2]}×{x.shape[1]} pixels; at most {MAX_SIDE} a side are resized.",
            "Make them smaller first.",
        )
    if resize.mode == "center-crop":
        x = crop_centre(x, resize.height, resize.width)
    return resize_images(x, resize.height, resize.width)


def prepared_shape(shape: tuple[int, ...], preprocessing: Preprocessing) -> tuple[int, ...]:
    """The shape that `prepare` gives to samples of `shape`."""
    if preprocessing.layout == "RAW" or len(shape) != 4:
        return shape
    count, height, width, channels = shape
    if preprocessing.resize is not None:
        height, width = preprocessing.resize.height, preprocessing.resize.width
    if preprocessing.color == "GRAY":
        channels = 1
    return (count, channels, height, width) if preprocessing.layout == "NCHW" else (count, height, width, channels)


def _in_color(x: NDArray[Any], color: str) -> NDArray[Any]:
    """RGB images in the order the model takes; one-channel images stay so."""
    if color == "RGB" or x.shape[-1] == 1:
        return x
    if x.shape[-1] != 3:
        raise UserError(
            f"The samples ({_shape_text(x)}) have {x.shape[-1]} channels; the colour order {color} is for RGB images.",
            "Store images with three channels, or declare the colour order RGB.",
        )
    if color == "BGR":
        return x[..., ::-1]
    if x.dtype == np.uint8:
        luma: NDArray[np.int32] = (x.astype(np.int32) * _LUMA).sum(axis=-1, dtype=np.int32, keepdims=True)
        return ((luma + 0x8000) >> 16).astype(np.uint8)
    weights = _LUMA.astype(np.float32) / np.float32(65536)
    scaled: NDArray[np.float32] = x.astype(np.float32) * weights
    grey: NDArray[np.float32] = scaled[..., 0:1] + scaled[..., 1:2] + scaled[..., 2:3]
    return grey


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
