"""Multiply-adds of one node, from shapes.

One multiply-add per use of a weight, biases and activations not counted, as in Sze et al., "Efficient Processing of
Deep Neural Networks", Proc. IEEE 105(12), 2017, section III (their MACs). For a convolution that is
N · C_out · H_out · W_out · (C_in ÷ groups) · K_h · K_w, the last four being the weights of one output value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

Shape = tuple[int, ...]
Attributes = Mapping[str, int]

RECURRENT_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def multiply_adds(
    operator: str, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], attributes: Attributes
) -> int | None:
    """Multiply-adds of a node; 0 for operators without weights or products, `None` when a needed shape is not known.

    Args:
        inputs: shapes in the order of the operator's inputs, `None` for a missing input or an unknown shape.
        outputs: likewise.
        attributes: the integer attributes.
    """
    formula = _FORMULAS.get(operator)
    if formula is None:
        return 0
    try:
        return formula(inputs, outputs, attributes, operator)
    except (IndexError, TypeError):
        return None


def _known(shapes: Sequence[Shape | None], index: int) -> Shape:
    shape = shapes[index]
    if shape is None:
        raise TypeError("the shape is not known")
    return shape


def _convolution(weight_index: int) -> Callable[[Sequence[Shape | None], Sequence[Shape | None], Attributes, str], int]:
    def count(inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], _: Attributes, __: str) -> int:
        # The weight is C_out × (C_in ÷ groups) × K…: what follows C_out is what one output value costs.
        return prod(_known(outputs, 0)) * prod(_known(inputs, weight_index)[1:])

    return count


def _transposed_convolution(inputs: Sequence[Shape | None], _: Sequence[Shape | None], __: Attributes, ___: str) -> int:
    # The weight is C_in × (C_out ÷ groups) × K…: each input value meets all that follows C_in.
    return prod(_known(inputs, 0)) * prod(_known(inputs, 1)[1:])


def _product(inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], _: Attributes, __: str) -> int:
    return prod(_known(outputs, 0)) * _known(inputs, 0)[-1]


def _gemm(inputs: Sequence[Shape | None], outputs: Sequence[Shape | None], attributes: Attributes, _: str) -> int:
    return prod(_known(outputs, 0)) * _known(inputs, 0)[0 if attributes.get("transA") else 1]


def _recurrent(inputs: Sequence[Shape | None], _: Sequence[Shape | None], __: Attributes, operator: str) -> int:
    steps, batch, width = _known(inputs, 0)
    directions, gate_rows = _known(inputs, 1)[:2]
    hidden = gate_rows // RECURRENT_GATES[operator]
    return steps * batch * directions * gate_rows * (width + hidden)


_FORMULAS: dict[str, Callable[[Sequence[Shape | None], Sequence[Shape | None], Attributes, str], int]] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed_convolution,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Gemm": _gemm,
    **dict.fromkeys(RECURRENT_GATES, _recurrent),
}
