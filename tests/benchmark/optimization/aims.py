"""The aims, from the rows of the benchmark: a figure, the bound it is held against, and whether it is met. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OURS = "edgeyard"
BUDGET = "edgeyard-budget"
"""Ours with a tenth of a point to lose."""
CONTROL = "nncf-accuracy-control"
TOLERANCE = 0.02
"""Two measurements of one file differ by about so much; within it, two latencies are alike."""
HISTOGRAM_MB = 400
USABLE_DROP = 1.0
USABLE_AGREEMENT = 98.0
"""A rival counts as one when it loses at most a point, or agrees so often where there are no labels."""

Row = Mapping[str, Any]
Aim = dict[str, Any]


def aims(models: Mapping[str, Sequence[Row]], histogram: Sequence[Row]) -> list[Aim]:
    """Every aim that these rows can answer, in order.

    Args:
        models: rows by model; each has `tool`, `latency_ratio`, `drop`, `agreement`, `accuracy`, `wall_s`.
        histogram: rows of calibration memory; each has `tool` and `peak_mb`.
    """
    found: list[Aim] = []
    for model, rows in models.items():
        ours = _row(rows, OURS)
        if ours is None or ours.get("latency_ratio") is None:
            found.append(_aim(f"{model}: a variant is picked", None, "a file", met=False, beside=_why(ours)))
            continue
        found.append(
            _at_least(f"{model}: the picked variant is not slower than fp32", ours["latency_ratio"], 1 - TOLERANCE)
        )
        best = best_rival(rows)
        if best is not None:
            # Held against the faster of the rival and fp32 divided by nothing: keeping fp32 beats a slower rival.
            relative = round(ours["latency_ratio"] / best["latency_ratio"], 3)
            text = f"{model}: latency against the best rival ({best['tool']}, {best['latency_ratio']}×)"
            found.append(_at_least(text, relative, 1 - TOLERANCE))
    found += _resnet20(models.get("resnet20", ()))
    found += _keywords(models.get("kws", ()))
    for row in histogram:
        if str(row["tool"]).startswith(OURS):
            found.append(_histogram(row, [each for each in histogram if each.get("model") == row.get("model")]))
    return found


def best_rival(rows: Sequence[Row]) -> Row | None:
    """The fastest row of another tool that is still accurate enough to be used; nothing when there is none."""
    usable = [row for row in rows if not str(row["tool"]).startswith((OURS, "fp32")) and _usable(row)]
    return max(usable, key=lambda row: float(row["latency_ratio"]), default=None)


def _usable(row: Row) -> bool:
    if row.get("latency_ratio") is None:
        return False
    if row.get("drop") is not None:
        return bool(row["drop"] <= USABLE_DROP)
    return bool(row["agreement"] >= USABLE_AGREEMENT)


def _resnet20(rows: Sequence[Row]) -> list[Aim]:
    found = []
    ours, budget, control = _row(rows, OURS), _row(rows, BUDGET), _row(rows, CONTROL)
    if ours is not None and ours.get("latency_ratio") is not None:
        found.append(_at_least("resnet20: int8 against fp32, times faster", ours["latency_ratio"], 1.7))
        found.append(_at_most("resnet20: accuracy lost, points", ours["drop"], 0.3))
    if budget is not None and budget.get("latency_ratio") is not None:
        beside = "" if control is None else f"{CONTROL}: {control.get('wall_s')} s, {control.get('latency_ratio')}×"
        found.append(_at_most("resnet20: budget of 0.1 points, points lost", budget["drop"], 0.1, beside))
        found.append(_at_most("resnet20: budget of 0.1 points, seconds", budget["wall_s"], 15.0, beside))
        found.append(_at_least("resnet20: budget of 0.1 points, times faster", budget["latency_ratio"], 1.6, beside))
    return found


def _histogram(ours: Row, beside: Sequence[Row]) -> Aim:
    text = f"{ours.get('model')}: {ours['tool']}, histogram calibration of 1,024 images, MB"
    peak = ours.get("peak_mb")
    if peak is None:
        return _aim(text, None, f"< {HISTOGRAM_MB}", met=False, beside=_why(ours))
    return _aim(text, peak, f"< {HISTOGRAM_MB}", peak < HISTOGRAM_MB, _beside(beside))


def _keywords(rows: Sequence[Row]) -> list[Aim]:
    ours = _row(rows, OURS)
    if ours is None or ours.get("accuracy") is None:
        return []
    return [_at_least("kws: accuracy on the 1,000 samples, %", ours["accuracy"], 90.0)]


def _beside(rows: Sequence[Row]) -> str:
    return "; ".join(f"{row['tool']}: {row.get('peak_mb')} MB" for row in rows if not str(row["tool"]).startswith(OURS))


def _row(rows: Sequence[Row], tool: str) -> Row | None:
    return next((row for row in rows if row["tool"] == tool), None)


def _why(row: Row | None) -> str:
    return "it was not run" if row is None else str(row.get("failure") or "it was not measured")


def _at_least(aim: str, figure: float, bound: float, beside: str = "") -> Aim:
    return _aim(aim, figure, f"≥ {bound:g}", figure >= bound, beside)


def _at_most(aim: str, figure: float, bound: float, beside: str = "") -> Aim:
    return _aim(aim, figure, f"≤ {bound:g}", figure <= bound, beside)


def _aim(aim: str, figure: float | None, bound: str, met: bool, beside: str = "") -> Aim:
    return {"aim": aim, "figure": figure, "bound": bound, "met": met} | ({"beside": beside} if beside else {})
