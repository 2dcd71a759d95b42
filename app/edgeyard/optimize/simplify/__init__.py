"""Graphs that compute the same with less: what onnxslim folds, and what it does not know."""
