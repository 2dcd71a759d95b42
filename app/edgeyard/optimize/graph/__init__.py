"""Editing ONNX graphs: who makes and reads a tensor, its constants, its layers, its parts, and running it in steps."""
