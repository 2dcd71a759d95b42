"""The folder in which an optimization leaves its files: complete, or not there."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.optimize import job_message
from edgeyard.optimize.engine.result import JobResult
from edgeyard.trust.durable_file import sync_folder, write_durably

RESULT_FILE = "result.json"


@contextlib.contextmanager
def partial_folder(out_dir: Path) -> Iterator[Path]:
    """A temporary folder beside `out_dir`, on the same disk; what a killed process left of an earlier one is removed.

    Raises:
        UserError: the disk is full or cannot be written, here or inside the `with`.
    """
    prefix = f".{out_dir.name}.partial-"
    try:
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        refuse_foreign_folder(out_dir)
        for left_over in out_dir.parent.glob(f"{glob.escape(prefix)}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=out_dir.parent, ignore_cleanup_errors=True) as name:
            yield Path(name)
    except OSError as error:
        raise UserError(
            f"The result cannot be written to {out_dir.parent} ({error.strerror or error}).",
            "Make room on the disk, or choose another folder. What was finished is kept: the same again takes less.",
        ) from error


def publish(folder: Path, out_dir: Path, result: JobResult) -> None:
    """Put `folder` (in a `partial_folder`), with `result` in it, in the place of `out_dir`; durable when it returns."""
    refuse_foreign_folder(out_dir)
    for path in folder.iterdir():
        with path.open("r+b") as file:
            os.fsync(file.fileno())
    write_durably(folder / RESULT_FILE, msgspec.json.format(job_message.encode_json(result)))
    sync_folder(folder)
    if out_dir.exists():
        out_dir.replace(folder.with_name("replaced"))
    folder.replace(out_dir)
    sync_folder(out_dir.parent)


def load_result(out_dir: Path) -> JobResult:
    """Read back what was published in `out_dir`; `UserError` when there is no complete result."""
    try:
        result: JobResult = job_message.decode_json((out_dir / RESULT_FILE).read_bytes(), JobResult)
    except (OSError, job_message.FrameError) as error:
        raise UserError(f"There is no complete result in {out_dir}.", "Optimize the model again.") from error
    return result


def refuse_foreign_folder(out_dir: Path) -> None:
    """Raise `UserError` when something other than an earlier result would be replaced."""
    if not out_dir.exists() or (out_dir / RESULT_FILE).is_file():
        return
    if not out_dir.is_dir() or any(out_dir.iterdir()):
        raise UserError(f"The folder {out_dir} holds something else already.", "Choose a new folder for the result.")
