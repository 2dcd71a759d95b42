"""Kill hub, broker and agents at random moments while the demo tells its story; it must end the same way.

    python tests/kill_story.py --rounds 20 --seed 1

Each round starts `edgeyard demo --headless --json` and, at moments drawn from the seed, kills (SIGKILL) a process drawn
from the seed: the hub, the broker or an agent. Prints one JSON object; exit code 0 when every round ended the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROLES = ("hub", "broker", "agent")
_GIVE_UP_S = 1200.0


@dataclass
class Round:
    """One told story with its kills."""

    seed: int
    same_end: bool = False
    kills: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    trouble: str = ""


def run_round(seed: int, kills: int, arguments: Sequence[str] = ()) -> Round:
    """Tell the story once with `kills` kills; `arguments` are passed on to the demo."""
    rng = random.Random(seed)
    told = Round(seed)
    begun = time.monotonic()
    command = [sys.executable, "-m", "edgeyard", "demo", "--headless", "--json", *arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        demo = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            _kill_now_and_then(demo, rng, kills, told)
            demo.wait(max(1.0, _GIVE_UP_S - (time.monotonic() - begun)))
        except subprocess.TimeoutExpired:
            told.trouble = "did not end"
        finally:
            _end(demo)
        told.duration_s = round(time.monotonic() - begun, 1)
        out.seek(0)
        err.seek(0)
        _judge(told, demo.returncode, out.read(), err.read())
    return told


def _kill_now_and_then(demo: subprocess.Popen[bytes], rng: random.Random, kills: int, told: Round) -> None:
    begun = time.monotonic()
    while len(told.kills) < kills and time.monotonic() - begun < _GIVE_UP_S:
        pause_s, role = rng.uniform(1.0, 24.0), rng.choice(ROLES)
        try:
            demo.wait(pause_s)
        except subprocess.TimeoutExpired:
            victims = _find(demo.pid, role)
            if victims:
                victim = rng.choice(victims)
                told.kills.append(f"{role} after {time.monotonic() - begun:.1f} s")
                _kill(victim)
        else:
            return


def _find(demo_pid: int, role: str) -> list[psutil.Process]:
    """The demo's processes of one role, in the order of their command lines, so that a seed means the same."""
    found = []
    for process in psutil.Process(demo_pid).children(recursive=True):
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if _role(line) == role:
            found.append((line, process))
    return [process for _, process in sorted(found, key=lambda pair: pair[0])]


def _role(line: list[str]) -> str:
    words = " ".join(line)
    if "edgeyard agent run" in words:
        return "agent"
    if "edgeyard hub run" in words:
        return "hub"
    if "mosquitto" in line[0] if line else False:
        return "broker"
    return "broker" if "edgeyard.hub.embedded_broker" in words else ""


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _end(demo: subprocess.Popen[bytes]) -> None:
    if demo.poll() is None:
        demo.terminate()
        try:
            demo.wait(60)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()


def _judge(told: Round, code: int | None, out: bytes, err: bytes) -> None:
    try:
        result: dict[str, Any] = json.loads(out)
    except ValueError:
        told.trouble = told.trouble or f"no result (exit code {code}): {err.decode(errors='replace')[-500:]}"
        return
    told.same_end = code == 0
    if code != 0:
        told.trouble = json.dumps(result)


def main() -> int:
    """Run the campaign and print its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=3, help="kills in each round")
    parser.add_argument("--devices", type=int, default=12)
    parser.add_argument("--broker", default="auto")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1] / "app"), os.environ.get("PYTHONPATH", "")]
    )
    rounds = []
    for number in range(options.rounds):
        arguments = ["--devices", str(options.devices), "--broker", options.broker]
        told = run_round(options.seed * 1000 + number, options.kills, arguments)
        rounds.append(told)
        sys.stderr.write(
            f"round {number + 1}: {'same' if told.same_end else 'DIFFERENT'} {told.kills} {told.trouble}\n"
        )
    same_end = sum(told.same_end for told in rounds)
    different = [asdict(told) for told in rounds if not told.same_end]
    kills = sum(len(told.kills) for told in rounds)
    print(json.dumps({"rounds": len(rounds), "same_end": same_end, "kills": kills, "different": different}))
    return 0 if same_end == len(rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
