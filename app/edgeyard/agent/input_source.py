"""What the model runs on: recorded samples from a file or a folder, over and over."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeyard.agent.model_session import ModelSession
from edgeyard.agent.sample_file import Samples, check_fit, read_samples
from edgeyard.domain.error import UserError

LOOK_AGAIN_S = 10.0


class InputSource:
    """Samples of `path` for one model, cycling. Without a path, or with an unusable one, there are none, and `problem`
    says why; the path is looked at again every ten seconds."""

    def __init__(self, path: str, session: ModelSession) -> None:
        self._path = path
        self._session = session
        self._samples: Samples | None = None
        self._next = 0
        self._look_at = 0.0
        self.problem: UserError | None = None

    def next_sample(self) -> NDArray[np.float32] | None:
        """The next prepared sample as a batch of one, or `None` while there is no input."""
        if self._samples is None and time.monotonic() >= self._look_at:
            self._look()
        if self._samples is None:
            return None
        sample = self._samples.prepared(self._next, self._session.preprocessing)
        self._next = (self._next + 1) % len(self._samples)
        return sample

    def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_AGAIN_S
        try:
            if not self._path:
                raise UserError(
                    "The device has no input source, so its model does not run.",
                    "Start the agent with --input and a file or folder of samples.",
                )
            samples = read_samples(Path(self._path), "input source")
            check_fit(samples, self._session.preprocessing, self._session.model.input_shape)
        except UserError as error:
            self.problem = error
            return
        self._samples, self.problem = samples, None
