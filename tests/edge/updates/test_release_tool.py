"""The release tool: what it signs is what agents take, and the key is in clear nowhere."""

import base64
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_edge.updates.fetching import Folder, fetch, read_release

TOOL = Path(__file__).parents[3] / "scripts" / "release.py"


def run(words: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, input=words + "\n", capture_output=True, text=True, check=False)


def test_a_key_and_a_release(tmp_path: Path) -> None:
    key, folder = tmp_path / "release.key", tmp_path / "wheels"
    folder.mkdir()
    (folder / "a.whl").write_bytes(b"wheel")
    made = run("a lamp for each room", "key", key)
    assert made.returncode == 0, made.stderr
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(made.stdout))
    assert b"ENCRYPTED" in key.read_bytes() and key.stat().st_mode & 0o777 == 0o600
    signing = ("sign", folder, "--key", key, "--version", "1.3.0", "--machine", "aarch64")
    assert run("another lamp, another room", *signing).returncode == 1
    signed = run("a lamp for each room", *signing)
    assert signed.returncode == 0, signed.stderr
    _, release = read_release(Folder(folder), TrustedKeys([public]))
    fetch(Folder(folder), release, tmp_path / "in", lambda _: None)
    assert (release.version, [file.name for file in release.files]) == ("1.3.0", ["a.whl"])
    assert run("a lamp for each room", "key", key).returncode == 1  # one that exists is never overwritten
