"""Edgeyard runs fleets of edge-AI devices: optimize a model, sign it, roll it out in stages, undo it."""

import os

__version__ = "0.1.0"

# Read when onnxruntime is imported, which is always after this: official builds since 1.29 report home otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
