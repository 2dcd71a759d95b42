"""What dominates a model's cost, and which efficient blocks would cost less, from blocks measured on a named machine.

Pure but for the table that ships with Edgeyard. The expected gain of a block is its measured ratio at the nearest
measured size, weighed by the share of the estimated time of the layers that it would stand for (Amdahl's law); accuracy
is not foreseen.
"""

from __future__ import annotations

from edgeyard.optimize.advice.advisory import Advice, Advisory
from edgeyard.optimize.advice.convolution_advice import convolution_advice
from edgeyard.optimize.advice.cost_share import cost_shares, dominance
from edgeyard.optimize.advice.other_advice import activation_advice, head_advice, low_rank_advice
from edgeyard.optimize.advice.size_advice import (
    memory_advice,
    overhead_advice,
    resolution_advice,
    stem_advice,
    width_advice,
)
from edgeyard.optimize.block_table import BlockTable, default_table
from edgeyard.optimize.summary import ModelSummary

LEAST_GAIN = 1.03
_LEAST_WEIGHTS = 0.05


def advise(summary: ModelSummary, table: BlockTable | None = None) -> Advisory:
    """Advice for `summary`, the largest expected gain first; `table` is by default the one that ships with Edgeyard."""
    table = table if table is not None else default_table()
    costs = cost_shares(summary, table)
    found: list[Advice] = [
        *convolution_advice(costs, table),
        *stem_advice(costs),
        *resolution_advice(costs, table),
        *head_advice(costs, table),
        *low_rank_advice(costs, table),
        *activation_advice(costs, table),
        *width_advice(costs, table),
        *memory_advice(costs),
        *overhead_advice(costs, table),
    ]
    found = [advice for advice in found if _is_worth_saying(advice, summary)]
    found.sort(key=lambda advice: (-(advice.model_ratio or 1.0), -advice.parameters_saved, advice.code))
    return Advisory(dominance(costs, table), tuple(found))


def _is_worth_saying(advice: Advice, summary: ModelSummary) -> bool:
    """It makes the model faster or smaller by a few per cent, or is about something else than that."""
    if advice.model_ratio is None or advice.model_ratio >= LEAST_GAIN:
        return True
    return advice.parameters_saved > _LEAST_WEIGHTS * summary.parameters
