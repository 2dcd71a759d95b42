"""A vendor's tool as it should be, and in every way in which it should not: `fake_tool.py BEHAVIOUR FOLDER …`.

Standard library only, and nothing of ours: it speaks the contract as a stranger's tool would.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ARTIFACT = b"artifact"


def reply(folder: Path, **changes: object) -> None:
    request = json.loads((folder / "request.json").read_text())
    whole = {
        "status": "done",
        "output": request["output"],
        "size_bytes": len(ARTIFACT),
        "sha256": hashlib.sha256(ARTIFACT).hexdigest(),
        "versions": {"fake": "1.2"},
        "notes": ["Made by nobody."],
        "figures": {"model_bytes": (folder / request["inputs"]["model"]).stat().st_size},
    }
    (folder / "reply.json").write_text(json.dumps(whole | changes))


def main(behaviour: str, folder: Path) -> int:  # noqa: C901
    output = folder / json.loads((folder / "request.json").read_text())["output"]
    output.write_bytes(ARTIFACT)
    match behaviour:
        case "success":
            print("working")
            (folder / "progress.json").write_text('{"fraction": 0.5, "text": "half"}')
            time.sleep(0.4)
            reply(folder)
        case "refuses":
            reply(folder, status="refused", what="The layer Foo is unknown.", todo="Leave it out.")
        case "no output":
            output.unlink()
            reply(folder)
        case "empty output":
            output.write_bytes(b"")
            reply(folder, size_bytes=0, sha256=hashlib.sha256(b"").hexdigest())
        case "other bytes":
            reply(folder)
            output.write_bytes(b"artifacx")
        case "output too large":
            output.write_bytes(bytes(5000))
            reply(folder, size_bytes=5000, sha256=hashlib.sha256(bytes(5000)).hexdigest())
        case "link":
            output.unlink()
            (folder / "elsewhere").write_bytes(ARTIFACT)
            output.symlink_to(folder / "elsewhere")
            reply(folder)
        case "another file":
            reply(folder, output="../../etc/passwd")
        case "garbage":
            (folder / "reply.json").write_bytes(b'{"status": "do\xff\x00')
        case "wrong types":
            reply(folder, size_bytes="many")
        case "endless reply":
            (folder / "reply.json").write_bytes(b'{"notes": ["' + b"x" * (2 << 20))
        case "linked reply":
            (folder / "mine.json").write_text("{}")
            (folder / "reply.json").symlink_to(folder / "mine.json")
        case "no reply":
            pass
        case "exit code":
            print("cannot open licence")
            reply(folder)
            return 3
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            print("about to hang", flush=True)
            time.sleep(600)
        case "hang with children":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
            (folder / "child.pid").write_text(str(child.pid))
            time.sleep(600)
        case "eats memory":
            hoard = [bytearray(os.urandom(1 << 20) * 16) for _ in range(64)]
            time.sleep(600)
            print(len(hoard))
        case "huge log":
            line = b"x" * 999 + b"\n"
            for _ in range(30_000):
                sys.stdout.buffer.write(line)
            print("the end", flush=True)
            reply(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
