"""Releases as the release tool would write them."""

import hashlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.envelope import Signer
from pleintemps_contract.releases import RELEASE_FILE, Release, ReleaseFile, sign_release

RELEASER = Signer(Ed25519PrivateKey.from_private_bytes(b"r" * 32))
OTHER = Signer(Ed25519PrivateKey.from_private_bytes(b"o" * 32))


def write_release(
    folder: Path, version: str, files: dict[str, bytes], *, machine: Any = "any", signer: Signer = RELEASER
) -> Release:
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, data in files.items():
        (folder / name).write_bytes(data)
        entries.append(ReleaseFile(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data)))
    release = Release(format=1, program="edge", version=version, machine=machine, made=0, files=entries)
    (folder / RELEASE_FILE).write_bytes(sign_release(release, signer))
    return release
