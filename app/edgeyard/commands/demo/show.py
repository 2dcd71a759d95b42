"""`edgeyard demo`, with a window or without."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import Any

import msgspec

from edgeyard.commands.child_process import edgeyard_command
from edgeyard.commands.demo.demo_site import DemoOptions, DemoSite, print_progress
from edgeyard.commands.demo.result import broker_kind, ended_as_told, summarize
from edgeyard.commands.demo.story import prepare_site, roll_out_baseline, tell_story
from edgeyard.domain.error import UserError
from edgeyard.domain.quantity import count


def tell_demo(options: DemoOptions, *, as_json: bool) -> int:
    """Tell both stories without a window; exit code 0 when they ended as they should, 1 when not."""
    _end_on_terminate()
    site = DemoSite(options, print_progress)
    with site:
        story = tell_story(site)
        assert site.workspace is not None
        result = summarize(site.workspace, story, broker_kind(site.workspace))
    result["orphans"] = len(site.orphans)
    for line in site.orphans:
        print_progress(f"left over: {line}")
    sys.stdout.write((_json(result) if as_json else _sentences(result)) + "\n")
    return 0 if ended_as_told(result) else 1


def show_demo(options: DemoOptions) -> int:
    """Bring the site up behind an open window, and end everything when the window is closed."""
    _end_on_terminate()
    with DemoSite(options, print_progress) as site:
        site.start()
        window = subprocess.Popen(
            edgeyard_command("--site", str(site.folder.root), "desktop", "--tour"),
            env=site.environment({"EDGEYARD_PASSPHRASE": site.unlock.passphrase}),
        )
        preparation = threading.Thread(target=_prepare, args=(site,), name="demo preparation", daemon=True)
        preparation.start()
        try:
            return window.wait()
        finally:
            if window.poll() is None:
                window.terminate()
                window.wait()


def _prepare(site: DemoSite) -> None:
    try:
        _, versions = prepare_site(site)
        roll_out_baseline(site, versions)
        print_progress("The fleet is ready. Drag version 2 onto a group; closing the window ends the demo.")
    except UserError as error:
        print_progress(f"The demo could not be prepared: {error}")


def _end_on_terminate() -> None:
    """SIGTERM ends the demo the way Ctrl-C does, so that nothing is left running."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _json(result: dict[str, Any]) -> str:
    return msgspec.json.encode(result).decode()


def _sentences(result: dict[str, Any]) -> str:
    good, bad = result["good_rollout"], result["bad_rollout"]
    match = "match" if result["running_digests_match"] else "DO NOT match"
    lines = [f"{count(result['devices'], 'device')} over a {result['broker']} broker."]
    lines.append(
        f"Good release: {good['state']} in {count(good['waves'], 'wave')}, {count(good['succeeded'], 'device')},"
        f" {good['bytes']:,} bytes, {good['duration_s']} s."
    )
    lines.append(
        f"Bad release: {bad['state']} in wave {bad['failed_wave']}; it reached"
        f" {count(bad['exposed_devices'], 'device')}, {bad['rolled_back']} are back on their own model. {bad['reason']}"
    )
    lines.append(f"Signed reports and assignments {match}. {result['orphans']} processes left over.")
    return "\n".join(lines)
