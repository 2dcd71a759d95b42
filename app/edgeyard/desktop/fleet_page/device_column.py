"""The columns of the device table: how each is named, sorted, read aloud, and which give way when room is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.look.shape import WORDS
from edgeyard.desktop.widget.words import ago, figure
from edgeyard.domain.device import Device
from edgeyard.domain.hardware import profile_title

SortKey = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """`keep` says how long the column stays when the table gets narrow: the lowest goes first.

    Widths in pixels: below `least` it is left out, above `most` it gains nothing.
    """

    title: str
    least: int
    most: int
    keep: int
    text: Callable[[FleetFrame, int, float], str]
    """(frame, row, now) → what is shown, and read aloud."""
    key: Callable[[FleetFrame], SortKey]
    """One number a device; NaN sorts last either way."""
    right: bool = False


def model_words(device: Device) -> str:
    """`yard-vision 2 · int8-u8s8`, or that nothing runs."""
    if not device.running_model:
        return "no model" if not device.running_digest else "unknown model"
    return f"{device.running_model} {device.running_version} · {device.running_variant}"


def label_words(device: Device) -> str:
    """`hall=a  line=3`."""
    return "   ".join(f"{key}={value}" for key, value in device.labels.items())


def rank(texts: Sequence[str]) -> SortKey:
    """Numbers that sort like the texts; empty ones last."""
    order = {text: float(number) for number, text in enumerate(sorted(set(texts)))}
    return np.array([order[text] if text else np.nan for text in texts], np.float64)


def _last_seen(frame: FleetFrame, row: int, now: float) -> str:
    return ago(now - float(frame.seen_at[row]))


def _p95(frame: FleetFrame, row: int, now: float) -> str:
    del now
    value = float(frame.p95_ms[row])
    return "–" if np.isnan(value) else f"{figure(value)} ms"


def fit_widths(room: int) -> dict[int, int]:
    """Which columns fit into `room` pixels, and how wide each is. The most wanted columns grow first."""
    wanted = sorted(range(len(COLUMNS)), key=lambda number: -COLUMNS[number].keep)
    widths: dict[int, int] = {}
    for number in wanted:
        if not widths or sum(widths.values()) + COLUMNS[number].least <= room:
            widths[number] = COLUMNS[number].least
    for number in (MODEL, DEVICE, *wanted):
        if number in widths:
            spare = room - sum(widths.values())
            widths[number] += max(0, min(spare, COLUMNS[number].most - widths[number]))
    last = next(number for number in (LABELS, MODEL, DEVICE, STATUS) if number in widths)
    widths[last] += max(0, room - sum(widths.values()))
    return widths


def _unsteadiness(frame: FleetFrame) -> SortKey:
    """How far the latency line swings, against its middle: what one looks for when sorting lines."""
    spread: SortKey = np.full(len(frame), np.nan)
    known = ~np.isnan(frame.history).all(axis=1)
    lines = frame.history[known]
    if len(lines):
        middle = np.nanmean(lines, axis=1)
        swing = np.nanmax(lines, axis=1) - np.nanmin(lines, axis=1)
        spread[known] = swing / np.maximum(middle, 1e-9)
    return spread


def _line_words(frame: FleetFrame, row: int, now: float) -> str:
    """The line in words, for those who cannot see it."""
    del now
    known = frame.history[row][~np.isnan(frame.history[row])]
    return f"{figure(float(known.min()))} to {figure(float(known.max()))} ms" if len(known) else "no figures"


STATUS, DEVICE, MODEL, HARDWARE, SEEN, LATENCY, P95, LABELS = range(8)

COLUMNS: tuple[Column, ...] = (
    Column(
        "Status", 112, 112, 10,
        lambda frame, row, now: WORDS[frame.status_of(row)],
        lambda frame: frame.status.astype(np.float64),
    ),
    Column(
        "Device", 146, 220, 9,
        lambda frame, row, now: frame.devices[row].id,
        lambda frame: np.arange(len(frame), dtype=np.float64),
    ),
    Column(
        "Model", 104, 190, 8,
        lambda frame, row, now: model_words(frame.devices[row]),
        lambda frame: rank([model_words(device) if device.running_model else "" for device in frame.devices]),
    ),
    Column(
        "Hardware", 128, 150, 4,
        lambda frame, row, now: profile_title(frame.devices[row].hardware_profile),
        lambda frame: rank([profile_title(device.hardware_profile) for device in frame.devices]),
    ),
    Column("Last seen", 82, 96, 6, _last_seen, lambda frame: -frame.seen_at, right=True),
    Column("Latency", 66, 140, 5, _line_words, _unsteadiness),
    Column("p95", 78, 96, 7, _p95, lambda frame: frame.p95_ms, right=True),
    Column(
        "Labels", 150, 4000, 3,
        lambda frame, row, now: label_words(frame.devices[row]),
        lambda frame: rank([label_words(device) for device in frame.devices]),
    ),
)  # fmt: skip
