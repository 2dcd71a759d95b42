"""One image file from a stranger, decoded within bounds."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError
from edgeyard.domain.preprocessing import MAX_SIDE

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_FILE_BYTES = 64 << 20
MAX_PIXELS = MAX_SIDE * MAX_SIDE // 2
_FORMATS = ("JPEG", "PNG")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
"""8 bits a channel; 16-bit images would be cut off silently."""


class ImageError(Exception):
    """This file cannot be used; the text says why, as the end of a sentence."""


def decode_image(data: bytes) -> NDArray[Any]:
    """JPEG or PNG bytes as uint8 H×W×3 (RGB).

    The orientation that cameras note in EXIF is not applied, as in torchvision's image folders.

    Raises:
        ImageError: it is neither, damaged, has 16 bits a channel, or more than 33 million pixels.
        UserError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise UserError(
            "Folders of images need Pillow, which is not installed.", "Install it: pip install 'edgeyard[optimize]'."
        ) from error
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            # Nothing is unpacked yet: only the header was read.
            width, height = image.size
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                raise ImageError(f"{width}×{height} pixels are too many")
            if image.mode not in _MODES:
                raise ImageError(f"its pixels are of the kind {image.mode}, not 8 bits a channel")
            return np.asarray(image.convert("RGB"))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError("it has too many pixels") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise nearly anything at damaged files
        raise ImageError(f"it is damaged or no JPEG or PNG ({type(error).__name__})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings: of palettes with transparency, and of sizes, which are judged here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
