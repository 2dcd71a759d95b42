"""What a loaded model can do, whichever runtime runs it; and turning its answers into scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from edgeyard.optimize.dataset import Dataset


class RuntimeSession(Protocol):
    """One loaded model. Inputs are prepared float32 samples, outputs are scores N×classes of its first output."""

    batch: int | None
    """How many samples the file takes at a time; `None` when any number will do."""

    def run(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """The first output for a batch, as it comes. May raise whatever the runtime raises."""

    def scores(self, dataset: Dataset, batch: int = 32) -> NDArray[np.float32]:
        """Scores of every sample, N×classes; raises what `collect_scores` raises."""


def collect_scores(session: RuntimeSession, name: str, dataset: Dataset, batch: int = 32) -> NDArray[np.float32]:
    """Run every sample of `dataset` through `session`, `batch` at a time unless the file fixes it.

    Args:
        name: the runtime with its version, for what is said when it fails.

    Returns:
        float32 scores N×classes.

    Raises:
        UserError: the model fails, gives no numbers, or is no classifier.
    """
    try:
        parts = [session.run(x) for x in dataset.batches(session.batch or batch)]
    except (UserError, MemoryError):
        raise
    except Exception as error:
        raise cannot_run(name, error) from error
    if any(part.ndim < 2 or part.size != part.shape[0] * part.shape[1] for part in parts):
        said = "×".join(map(str, parts[0].shape))
        raise UserError(
            f"The model's output has the shape {said}; only classifiers (N×classes) can be evaluated.",
            "Export it with the class scores as its first output.",
        )
    scores = np.concatenate([part.reshape(part.shape[0], -1) for part in parts]).astype(np.float32)
    if len(scores) != len(dataset):
        raise UserError(
            f"The model gave {len(scores)} answers for {len(dataset)} samples.",
            "Export it with a batch axis that its output keeps.",
        )
    if not np.isfinite(scores).all():
        raise UserError(
            f"The model's scores are no numbers (NaN or infinite) for {int((~np.isfinite(scores)).any(1).sum())} of"
            f" {len(scores)} samples.",
            "Check the preprocessing; if that is right, the training diverged.",
        )
    return scores


def cannot_run(name: str, error: Exception) -> UserError:
    """A runtime's own error in one line; `name` is the runtime with its version."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(
        f"{name} cannot run the model: {reason[:300]}",
        f"Export it again with operators that {name.split(' ', maxsplit=1)[0]} has.",
    )
