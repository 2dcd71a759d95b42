"""Proving an artifact from its file: numerics, accuracy against the original, latency, memory, and where measured."""
