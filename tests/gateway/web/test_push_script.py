"""The page's script for web push, run by Node in a browser of few lines: offered, asked for, ended."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pleintemps_gateway.web.render import STATIC

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")
KEY, OTHER, ENDPOINT = bytes(range(65)), bytes(65), "https://push.example.net/send/abc"
BROWSER = (Path(__file__).parent / "push_browser.mjs").read_text(encoding="utf-8")


def run(key: bytes | None, listed: bool, ok: bool = True) -> dict[str, Any]:
    name = hashlib.sha256(ENDPOINT.encode()).hexdigest()
    script = base64.b64encode((STATIC / "push.js").read_bytes()).decode()
    given = {
        "key": None if key is None else list(key),
        "wanted": base64.urlsafe_b64encode(KEY).rstrip(b"=").decode(),
        "listed": [name] if listed else [],
        "endpoint": ENDPOINT,
        "script": f"data:text/javascript;base64,{script}",
        "ok": ok,
    }
    program = f"const GIVEN = {json.dumps(given)};\n{BROWSER}"
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--input-type=module", "-"],
        input=program,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


TOLD = "POST /api/v1/push-subscriptions"


@pytest.mark.parametrize(("key", "listed"), [(None, False), (KEY, False), (OTHER, False), (OTHER, True)])
def test_a_browser_that_is_not_told_is_offered_it(key: bytes | None, listed: bool) -> None:
    told = run(key, listed)
    assert (told["offered"], told["says"]) == (True, ["ready"])
    ended = ["unsubscribed"] if key == OTHER else []
    assert told["log"] == [*ended, TOLD, "reloaded"], "what was made for another key of ours is ended first"


def test_a_gateway_that_does_not_answer_is_said() -> None:
    told = run(None, False, ok=False)
    assert (told["log"], told["says"]) == ([TOLD], ["failed"])


def test_a_browser_that_is_told_says_so_and_ends_it_on_both_sides() -> None:
    told = run(KEY, True)
    assert (told["offered"], told["says"]) == (False, ["on"])
    assert told["log"] == ["unsubscribed", "sent"]
