"""The agent's own figures, from the runner's windows."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.agent import metrics as metrics_module
from edgeyard.agent.metrics import Metrics, Usage
from edgeyard.agent.quantile import quantile
from edgeyard.agent.runner_message import Window

NOTHING = Usage(None, None, None)


def window(*latencies_ms: float, errors: int = 0, classes: tuple[int, ...] = ()) -> Window:
    return Window(len(latencies_ms) + errors, errors, "", list(latencies_ms), list(classes), None)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-6)


def test_an_interval_is_summed_up_and_the_next_begins_empty() -> None:
    metrics = Metrics(100.0)
    metrics.add(window(1.0, 2.0, 3.0, classes=(2, 1)))
    metrics.add(window(10.0, errors=2, classes=(0, 0, 1)))
    summary = metrics.close_interval(160.0, "a" * 64, Usage(5.0, 1000, 40.0))
    assert (summary.start, summary.inferences, summary.errors) == (100.0, 6, 2)
    assert summary.class_counts == [2, 1, 1]
    assert summary.latency_p50_ms == 2.5
    assert (summary.cpu_percent, summary.memory_bytes, summary.temperature_c) == (5.0, 1000, 40.0)
    empty = metrics.close_interval(220.0, "", NOTHING)
    assert (empty.start, empty.inferences, empty.latency_p95_ms, empty.class_counts) == (160.0, 0, None, [])
    assert (metrics.inferences_total, metrics.errors_total) == (6, 2)


def test_recent_figures_forget_what_is_old_and_what_another_model_did(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(metrics_module.time, "monotonic", lambda: now)
    metrics = Metrics(0.0)
    for _ in range(20):
        now += 2.0
        metrics.add(window(5.0, 5.0, 5.0, 5.0))
    assert metrics.recent().inferences_per_s == pytest.approx(2.0)
    assert metrics.recent().latency_p95_ms == 5.0
    now += 31.0
    assert metrics.recent().latency_p95_ms is None
    metrics.add(window(7.0))
    metrics.forget_recent()
    assert metrics.recent().inferences_per_s is None


def test_usage_counts_the_runner_too_and_survives_its_end() -> None:
    metrics = Metrics(0.0)
    alone = metrics.usage().memory_bytes
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    metrics.watch_runner(child.pid)
    both = metrics.usage().memory_bytes
    assert alone is not None
    assert both is not None
    assert both > alone
    child.communicate(b"\n")
    after = metrics.usage()
    assert after.memory_bytes is not None
    metrics.watch_runner(os.getpid() + 10_000_000)


def test_the_agents_own_process_loads_neither_numpy_nor_onnxruntime() -> None:
    program = (
        "import sys, edgeyard.agent.run, edgeyard.agent.join\n"
        "print([m for m in ('numpy', 'onnxruntime', 'aiohttp', 'sqlalchemy') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
