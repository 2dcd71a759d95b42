"""The model as converters like it: batch 1, shapes known, what can be computed beforehand computed."""

from __future__ import annotations

from pathlib import Path


def write_at_batch_one(source: Path, out: Path) -> None:
    """Write the model of `source` with its batch axis at 1 and everything folded that then is constant.

    onnxruntime's basic optimizations are used: they keep to operators of the ONNX standard. Exports with a free batch
    axis compute shapes at run time, which converters translate into operators that quantizers get wrong.

    Raises:
        UserError: the shapes inside the model contradict each other.
    """
    import onnx
    import onnxruntime

    from edgeyard.optimize.graph_shape import at_batch_one, inlined
    from edgeyard.optimize.passes.tidy import write_model

    single = at_batch_one(inlined(onnx.load(source, load_external_data=False)))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(out)
    onnxruntime.InferenceSession(single.SerializeToString(), options, providers=["CPUExecutionProvider"])
    write_model(onnx.load(out, load_external_data=False), out)
