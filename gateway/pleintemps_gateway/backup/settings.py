"""``[backup]``: when somebody is reminded of back-ups, and what ``backup`` does unless told otherwise."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace


class BackupConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Older than ``max_age_h``, or never made, a back-up is an alert.

    ``to`` is the folder of back-ups, ``keep`` how many stay there (0: all). ``passphrase_file`` (the
    passphrase alone, readable by its owner only) seals them; only sealed ones may be ``with_keys``.
    """

    max_age_h: Annotated[float, Meta(ge=1, le=8_760)] = 192
    to: str = ""
    keep: Annotated[int, Meta(ge=0, le=10_000)] = 0
    passphrase_file: str = ""
    with_keys: bool = False

    def __post_init__(self) -> None:
        if self.with_keys and not self.passphrase_file:
            raise ValueError("with_keys: keys go into sealed back-ups only: set passphrase_file")

    def located(self, base: Path) -> "BackupConfig":
        """With paths below ``base``."""
        return replace(
            self,
            to=str(base / self.to) if self.to else "",
            passphrase_file=str(base / self.passphrase_file) if self.passphrase_file else "",
        )
