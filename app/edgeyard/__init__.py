"""Edgeyard runs fleets of edge-AI devices: optimize a model, sign it, roll it out in stages, undo it."""

__version__ = "0.1.0"
