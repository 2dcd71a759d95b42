"""Our int8 pass with histograms, in a process of its own, as an optimization's worker runs it.

python ours_histogram.py REQUEST.json        (see `rival.py` for what is in it)
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from edgeyard import __version__
from edgeyard.optimize.data.load import load_data
from edgeyard.optimize.inspect_model import inspect_model
from edgeyard.optimize.passes import PASSES
from edgeyard.optimize.step import StepInput, Trait


def main() -> None:
    """Calibrate, quantize, write, and print what is known of it."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    source, out = Path(request["model"]), Path(request["out"])
    summary = inspect_model(source)
    calibration = load_data(Path(request["calibration"]), None, summary)
    each = PASSES["int8-static"]
    settings = each.settings_type(calibration=request["mode"], samples=len(calibration))
    scratch = out.parent.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    started = time.perf_counter()
    each.run(settings, StepInput(source, summary, Trait(), calibration, scratch), out)
    print(json.dumps({"version": f"edgeyard {__version__}", "work_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
