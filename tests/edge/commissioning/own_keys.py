"""The key folder of one agent, with an elliptic key to sign with."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pleintemps_contract.keyfiles import Identity, save_agent_keys


def enrolled(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Agent ``a`` of site ``s``, demo keys; returns its own key, which is ``agent.key``."""
    identity = Identity(site="s", agent="a", purpose="demo", pepper=base64.b64encode(bytes(32)).decode())
    save_agent_keys(folder, identity, [Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()])
    own = ec.generate_private_key(ec.SECP256R1())
    pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "agent.key").write_bytes(pem)
    return own
