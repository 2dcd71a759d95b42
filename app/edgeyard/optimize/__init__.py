"""From a trained ONNX model to measured variants. Runs in worker processes. The only importer of onnx."""
