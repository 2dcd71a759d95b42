"""Train an ONNX model a little further in PyTorch: by labels, by what a teacher answers, or both. Sidecar `torch`.

The teacher is the original model, run in the same code. Its answers are softened by a temperature (Hinton et al.,
arXiv:1503.02531), its feature maps are matched where both networks have them in the same shape (Romero et al.,
arXiv:1412.6550). A quantized (QDQ) model is trained through its rounding. Some samples are held out: the state that did
best on them is kept, and if that is the first one, the file that came is what goes back.

Inputs: `model`, `teacher` (ONNX), `samples` (.npy float32 N×…), `labels` (.npy int64 N, optional).
Settings: see `target.fine_tune`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn import functional

from edgeyard.optimize.sidecar.tool.task import Outcome, RefusedError, Task
from edgeyard.optimize.sidecar.tool.torch_network import Network

_MAX_HELD_OUT = 2000
_TRAINING_SHARE = 0.75
"""Of the time that is left when training begins: looking at held-out samples and writing come after it."""
_HALF_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")
"""Of `/proc/cpuinfo` (x86, Arm): processors that multiply in bfloat16, about twice as fast."""
_CLIP_NORM = 2.0
_EVALUATION_BATCH = 256


@dataclass
class _Data:
    x: Any
    y: Any
    """Class indices, or `None`."""
    training: Any
    held_out: Any


@dataclass(frozen=True)
class _Score:
    """On the held-out samples: right answers (or agreement with the teacher), and the loss that breaks ties."""

    hits: float
    loss: float

    def better(self, other: _Score) -> bool:
        return (self.hits, -self.loss) > (other.hits, -other.loss)


def convert(task: Task) -> Outcome:
    """Serve a request."""
    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings = task.settings
    student = Network(onnx.load(task.inputs["model"]), settings["weight_limit"])
    teacher = Network(onnx.load(task.inputs["teacher"])) if "teacher" in task.inputs else None
    for network in (student, teacher) if teacher is not None else (student,):
        network.to(memory_format=torch.channels_last)
    if teacher is not None:
        teacher.requires_grad_(requires_grad=False)
    data = _load(task)
    if teacher is None and data.y is None:
        raise RefusedError("There are neither labels nor a teacher to learn from.")
    run = _Training(task, student, teacher, data)
    before = run.score()
    best, epochs, steps = run.train(before)
    onnx.save(student.write_back(), str(task.output))
    kept = "the trained weights" if best.better(before) else "the weights as they came"
    measure = "right" if data.y is not None else "as the teacher"
    return Outcome(
        notes=[
            f"{steps} steps in {epochs:.1f} passes over {len(data.training)} samples; kept {kept}.",
            f"On {len(data.held_out)} samples held out: {before.hits:.1%} {measure} before, {best.hits:.1%} after.",
        ],
        figures={
            "steps": steps,
            "epochs": epochs,
            "planned_epochs": settings["epochs"],
            "complete": epochs >= settings["epochs"] - 0.01,
            "held_out": len(data.held_out),
            "before": before.hits,
            "after": best.hits,
            "curve": run.curve,
        },
        packages=("torch", "onnx", "numpy"),
    )


def _load(task: Task) -> _Data:
    x = np.load(task.inputs["samples"], mmap_mode="r", allow_pickle=False)
    y = np.load(task.inputs["labels"], allow_pickle=False) if "labels" in task.inputs else None
    order = np.random.default_rng(task.seed).permutation(len(x))
    held_out = max(1, min(len(x) // 2, _MAX_HELD_OUT, int(len(x) * task.settings["held_out"])))
    return _Data(x, y, np.sort(order[held_out:]), np.sort(order[:held_out]))


class _Training:
    def __init__(self, task: Task, student: Network, teacher: Network | None, data: _Data) -> None:
        self._task, self._student, self._teacher, self._data = task, student, teacher, data
        self._settings = task.settings
        self._random = np.random.default_rng(task.seed + 1)
        # Rounding to steps of a scale is not done in 8 bits of mantissa.
        self._half = settings_half(task.settings) and not student.quantized
        self._features = self._shared_features()
        self.curve: list[list[float]] = []
        """Seconds, and the score on the held-out samples."""

    def train(self, before: _Score) -> tuple[_Score, float, int]:
        """Train within the time; leaves the best state in the network. Returns its score, the passes and the steps."""
        size = min(self._settings["batch"], len(self._data.training))
        per_epoch = max(1, len(self._data.training) // size)
        planned = max(1, round(self._settings["epochs"] * per_epoch))
        optimizer = torch.optim.Adam(self._student.parameters(), lr=self._settings["learning_rate"])
        best, kept = before, _copy(self._student)
        started = time.monotonic()
        # The supervisor may have less time for the whole than the settings have for the training.
        ends = started + max(1.0, min(self._settings["train_s"], _TRAINING_SHARE * self._task.seconds_left))
        step, order = 0, self._data.training
        while step < planned:
            if step % per_epoch == 0:
                order = self._random.permutation(self._data.training)
            done = max(step / planned, (time.monotonic() - started) / (ends - started))
            for group in optimizer.param_groups:
                group["lr"] = self._settings["learning_rate"] * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
            begin = step % per_epoch * size
            loss = self._loss(order[begin : begin + size])
            if not torch.isfinite(loss):
                break
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._student.parameters(), _CLIP_NORM)
            optimizer.step()
            step += 1
            self._task.tell(0.05 + 0.9 * min(1.0, done), f"Training: {step} of at most {planned} steps.")
            late = time.monotonic() > ends
            if step % per_epoch == 0 or step == planned or late:
                score = self.score()
                self.curve.append([round(time.monotonic() - started, 1), score.hits])
                if score.better(best):
                    best, kept = score, _copy(self._student)
            if late:
                break
        self._student.load_state_dict(kept)
        return best, step / per_epoch, step

    def score(self) -> _Score:
        """How well the network does on the held-out samples as it is now."""
        hits = loss = 0.0
        with torch.no_grad():
            for begin in range(0, len(self._data.held_out), _EVALUATION_BATCH):
                chosen = self._data.held_out[begin : begin + _EVALUATION_BATCH]
                x = self._batch(chosen, augment=False)
                logits, _ = self._student(x)
                wanted = self._wanted(chosen, x)
                hits += float((logits.flatten(1).argmax(1) == wanted).sum())
                loss += float(functional.cross_entropy(logits.flatten(1), wanted, reduction="sum"))
        return _Score(hits / len(self._data.held_out), loss / len(self._data.held_out))

    def _wanted(self, chosen: Any, x: Any) -> Any:
        if self._data.y is not None:
            return torch.from_numpy(self._data.y[chosen])
        assert self._teacher is not None
        return self._teacher(x)[0].flatten(1).argmax(1)

    def _loss(self, chosen: Any) -> Any:
        x = self._batch(chosen, augment=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            logits, features = self._student(x, self._features)
            with torch.no_grad():
                answers, shown = (None, {}) if self._teacher is None else self._teacher(x, self._features)
        logits = logits.flatten(1).float()
        loss = torch.zeros(())
        share = self._settings["label_share"] if self._data.y is not None else 0.0
        if self._teacher is None:
            share = 1.0
        if share:
            loss = loss + share * functional.cross_entropy(logits, torch.from_numpy(self._data.y[chosen]))
        if answers is None:
            return loss
        heat = self._settings["temperature"]
        softened = (answers.flatten(1).float() / heat).softmax(1)
        distance = functional.kl_div((logits / heat).log_softmax(1), softened, reduction="batchmean")
        loss = loss + (1 - share) * heat * heat * distance
        if self._features:
            errors = [_error(features[name].float(), shown[name].float()) for name in self._features]
            loss = loss + self._settings["feature_share"] * sum(errors) / len(errors)
        return loss

    def _shared_features(self) -> tuple[str, ...]:
        if self._teacher is None or not self._settings["feature_share"]:
            return ()
        names = [name for name in self._student.feature_names() if name in set(self._teacher.feature_names())]
        with torch.no_grad():
            x = self._batch(self._data.training[:2], augment=False)
            ours, theirs = self._student(x, tuple(names))[1], self._teacher(x, tuple(names))[1]
        return tuple(name for name in names if ours[name].shape == theirs[name].shape)

    def _batch(self, chosen: Any, *, augment: bool) -> Any:
        x = np.array(self._data.x[chosen])
        layout = self._settings["layout"]
        if augment and self._settings["augment"] and layout in {"NCHW", "NHWC"}:
            x = _augmented(x, 2 if layout == "NCHW" else 1, self._settings["shift"], self._random)
        batch = torch.from_numpy(x)
        return batch.contiguous(memory_format=torch.channels_last) if batch.dim() == 4 else batch


def settings_half(settings: dict[str, Any]) -> bool:
    """Whether to compute in bfloat16: asked for, and done by the processor."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return bool(settings["half"]) and any(flag in flags for flag in _HALF_FLAGS)


def _error(ours: Any, theirs: Any) -> Any:
    """Mean squared error in shares of what there is to explain."""
    return functional.mse_loss(ours, theirs) / (theirs.var() + 1e-12)


def _augmented(x: Any, height_axis: int, shift: int, random: Any) -> Any:
    """Half of the images mirrored, each moved by up to `shift` pixels, edges repeated (He et al., arXiv:1512.03385)."""
    mirrored = random.random(len(x)) < 0.5
    x[mirrored] = np.flip(x[mirrored], axis=height_axis + 1)
    if not shift:
        return x
    margins = [(0, 0)] * x.ndim
    margins[height_axis] = margins[height_axis + 1] = (shift, shift)
    wide = np.pad(x, margins, mode="edge")
    height, width = x.shape[height_axis], x.shape[height_axis + 1]
    for index, (top, left) in enumerate(random.integers(0, 2 * shift + 1, (len(x), 2))):
        rows, columns = slice(top, top + height), slice(left, left + width)
        x[index] = wide[index, :, rows, columns] if height_axis == 2 else wide[index, rows, columns]
    return x


def _copy(network: Network) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
