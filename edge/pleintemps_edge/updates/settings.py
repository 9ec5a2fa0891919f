"""``[updates]`` of ``edge.toml``."""

import base64
import binascii
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from pleintemps_contract.envelope import TrustedKeys


class UpdatesConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``release_keys``: the public keys (base64 of 32 bytes) that may sign a release, one or two.

    ``url`` is where releases and the gateway's offers are fetched (``https://town.example/updates``); without
    it they come by hand. ``root`` is where the versions lie.
    """

    release_keys: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
    url: Annotated[str, Meta(pattern=r"^(https?://[^\s?#]+[^\s?#/])?\Z")] = ""
    root: Annotated[str, Meta(min_length=1)] = "/opt/pleintemps/edge"

    def __post_init__(self) -> None:
        try:
            _ = self.trusted
        except (ValueError, binascii.Error) as error:
            raise ValueError(f"release_keys: {error}") from error

    @property
    def trusted(self) -> TrustedKeys:
        return TrustedKeys(
            Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
            for key in self.release_keys
        )
