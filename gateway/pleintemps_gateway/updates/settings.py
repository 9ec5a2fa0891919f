"""``[updates]`` of the configuration."""

import base64
import binascii
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from pleintemps_contract.envelope import TrustedKeys


class UpdatesConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``release_keys``: the public keys (base64 of 32 bytes) that may sign a release, one or two.

    After the canaries each wave brings ``waves`` (shares of all others, the last is 1) the release once those
    before have been well for ``soak_h``. An agent that is there and has not taken it after ``patience_min``
    is ill.
    """

    release_keys: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
    soak_h: Annotated[float, Meta(ge=0.5, le=720)] = 24
    patience_min: Annotated[float, Meta(ge=30, le=1_440)] = 120
    waves: Annotated[tuple[Annotated[float, Meta(gt=0, le=1)], ...], Meta(min_length=1, max_length=10)] = (
        0.25,
        1.0,
    )

    def __post_init__(self) -> None:
        if list(self.waves) != sorted(set(self.waves)) or self.waves[-1] != 1:
            raise ValueError("waves: each is larger than the one before, the last is 1.0")
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
