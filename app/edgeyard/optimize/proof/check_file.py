"""What is looked at in a freshly written file before any runtime loads it."""

from __future__ import annotations

from pathlib import Path

from edgeyard.domain.error import UserError
from edgeyard.optimize.step import Trait


def check_file(path: Path, trait: Trait) -> None:
    """Raise `UserError` when the file is empty, or ONNX's checker refuses it: onnxruntime loads, and dies of, models
    that the checker refuses. Other formats are looked at by whoever opens them."""
    if not path.is_file() or path.stat().st_size == 0:
        raise UserError("The pass wrote nothing.", "")
    if trait.file_format != "onnx":
        return
    import onnx

    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise UserError(f"The ONNX checker refuses the result: {str(error).strip()[:300]}", "") from error
