"""The data of a job: what passes calibrate with, what artifacts are judged by, and what devices test with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize.data.load import load_data
from edgeyard.optimize.data.split import split_data
from edgeyard.optimize.dataset import Dataset, load_dataset
from edgeyard.optimize.dataset import check_dataset as check
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.summary import ModelSummary

SHARES = {"calibration": 0.3, "evaluation": 0.7}
"""Of a data set that comes in one piece."""
MIN_WHOLE_SAMPLES = 10


@dataclass(frozen=True, slots=True)
class JobData:
    """The sets, none of which shares a sample with another. `notes` say what people should know about them."""

    evaluation: Dataset
    calibration: Dataset | None
    golden: Dataset | None
    notes: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> Preprocessing:
        """How samples become the model's input."""
        return self.evaluation.preprocessing

    @property
    def samples(self) -> dict[str, int]:
        """How many each set has."""
        sets = {"evaluation": self.evaluation, "calibration": self.calibration, "golden": self.golden}
        return {name: len(dataset) for name, dataset in sets.items() if dataset is not None}


def read_job_data(job: OptimizeJob, summary: ModelSummary) -> JobData:
    """Read and check the data of `job`. Call it in a worker.

    Raises:
        UserError: a set cannot be read, does not fit the model, or is too small to be divided.
    """
    if summary.input.element_type != "float32":
        raise UserError(
            f"The model's input takes {summary.input.element_type}; samples are prepared as float32.",
            "Export the model with a float32 input.",
        )
    files, preprocessing = job.data, job.preprocessing
    if files.whole is not None:
        whole = load_data(files.whole, preprocessing, summary)
        if len(whole) < MIN_WHOLE_SAMPLES:
            raise UserError(
                f"The data set has {len(whole)} samples.",
                f"Give at least {MIN_WHOLE_SAMPLES}, better some hundred: a part of them calibrates, the rest judges.",
            )
        split = split_data(whole, SHARES, job.seed)
        evaluation, notes = split.parts["evaluation"], (*whole.notes, *split.notes)
        calibration: Dataset | None = split.parts["calibration"]
    elif files.evaluation is not None:
        evaluation = load_data(files.evaluation, preprocessing, summary, title="evaluation set")
        calibration, notes = None, evaluation.notes
        if files.calibration is not None:
            calibration = load_data(files.calibration, preprocessing, summary, title="calibration set")
            notes += calibration.notes
    else:
        raise UserError("There is no data to prove variants with.", "Give a data set.")
    return JobData(evaluation, calibration, _golden(job, evaluation.preprocessing, summary), notes)


def content_key(dataset: Dataset | None) -> str:
    """A digest of everything in a set that can change a result."""
    if dataset is None:
        return ""
    digest = hashlib.sha256(f"{dataset.x.dtype} {dataset.x.shape}".encode())
    for start in range(0, len(dataset.x), 4096):
        digest.update(dataset.x[start : start + 4096].tobytes())
    digest.update(b"" if dataset.y is None else dataset.y.tobytes())
    digest.update(msgspec.json.encode(dataset.preprocessing, order="sorted"))
    return digest.hexdigest()


def _golden(job: OptimizeJob, preprocessing: Preprocessing, summary: ModelSummary) -> Dataset | None:
    if job.data.golden is None:
        return None
    golden = load_dataset(job.data.golden, preprocessing, title="golden set")
    check(golden, summary)
    if golden.y is None:
        raise UserError("The golden set has no labels.", "Add the array y: devices compare their answers with it.")
    return golden
