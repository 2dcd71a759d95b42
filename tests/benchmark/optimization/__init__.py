"""The parts of `tests/benchmark/optimize.py`."""
