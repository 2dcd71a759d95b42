"""Runs in the PyTorch sidecar: every `*.onnx` of a folder on the `*.npy` beside it, and what the network says as JSON.

`network_probe.py PACKAGE FOLDER`: the folder of the package `edgeyard`, as `tool.launch` makes it.
"""

import json
import sys
import types
from pathlib import Path

package = types.ModuleType("edgeyard")
package.__path__ = [sys.argv[1]]
sys.modules["edgeyard"] = package

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402

from edgeyard.optimize.sidecar.tool.torch_network import Network  # noqa: E402

answers = {}
for path in sorted(Path(sys.argv[2]).glob("*.onnx")):
    network = Network(onnx.load(path))
    output, _ = network(torch.from_numpy(np.load(path.with_suffix(".npy"))))
    onnx.save(network.write_back(), str(path.with_suffix(".back")))
    answers[path.stem] = {"output": output.detach().numpy().tolist(), "trained": len(list(network.parameters()))}
print(json.dumps(answers))
