"""Makes the release key, and signs a release of the agent's program. Runs where no gateway is.

    release.py key release.key                                     once; prints the public key for [updates]
    release.py sign build/wheelhouse/edge-arm64 --key release.key --version 1.3.0 --machine aarch64

The folder is a wheel house as `scripts/deb/wheels.py` makes it; `release.json` goes into it. The key file is
encrypted with the passphrase on standard input (one line), and readable by its owner only.
"""

import argparse
import base64
import hashlib
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pleintemps_contract.envelope import Signer, TrustedKeys
from pleintemps_contract.releases import RELEASE_FILE, Release, ReleaseFile, open_release, sign_release
from pleintemps_contract.world import SystemWorld

MIN_PASSPHRASE = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    key = commands.add_parser("key", help="make a release key and print its public half")
    key.add_argument("file", type=Path)
    key.set_defaults(run=make_key)
    sign = commands.add_parser("sign", help="write release.json into a folder of wheels")
    sign.add_argument("folder", type=Path)
    sign.add_argument("--key", type=Path, required=True)
    sign.add_argument("--version", required=True)
    sign.add_argument("--machine", required=True, choices=("any", "aarch64", "armv7l", "x86_64"))
    sign.set_defaults(run=sign_folder)
    options = parser.parse_args()
    passphrase = sys.stdin.readline().rstrip("\r\n")
    if len(passphrase) < MIN_PASSPHRASE:
        print(
            f"release: a passphrase of {MIN_PASSPHRASE} characters or more on standard input", file=sys.stderr
        )
        return 2
    try:
        options.run(options, passphrase.encode())
    except (OSError, ValueError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def make_key(options: argparse.Namespace, passphrase: bytes) -> None:
    private = Ed25519PrivateKey.generate()
    data = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )
    with os.fdopen(os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    print(base64.b64encode(private.public_key().public_bytes_raw()).decode())


def sign_folder(options: argparse.Namespace, passphrase: bytes) -> None:
    private = serialization.load_pem_private_key(options.key.read_bytes(), passphrase)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError(f"{options.key}: no Ed25519 key")
    files = []
    for path in sorted(options.folder.iterdir()):
        if path.name != RELEASE_FILE and path.is_file():
            data = path.read_bytes()
            files.append(ReleaseFile(name=path.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data)))
    release = Release(
        format=1,
        program="edge",
        version=options.version,
        machine=options.machine,
        made=SystemWorld().now(),
        files=files,
    )
    sealed = sign_release(release, Signer(private))
    public: Ed25519PublicKey = private.public_key()
    open_release(sealed, TrustedKeys([public]))  # what nobody would take is not written
    (options.folder / RELEASE_FILE).write_bytes(sealed)
    print(f"{options.folder}: {options.version} for {options.machine}, {len(files)} files")


if __name__ == "__main__":
    sys.exit(main())
