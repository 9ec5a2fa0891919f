"""``[web.oidc]``: where people log in who have an account elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Role = Literal["caretaker", "manager", "tester", "viewer"]


class OidcConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The provider at ``issuer`` knows us as ``client_id``; ``secret_file`` holds the secret alone, readable
    by its owner only. ``label`` stands on the button.

    ``name_claim`` becomes the name here. ``role_claim`` (dots lead into objects) holds a word or a list of
    them; ``roles`` says which role each word gives, the first that fits in the order of the table, and who
    has none of them does not get in. ``sites`` limits a word to some sites; all of them without it.
    """

    issuer: Annotated[
        str, Meta(pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[^\s?#]*)?)\Z")
    ]
    client_id: Annotated[str, Meta(min_length=1, max_length=200)]
    secret_file: Annotated[str, Meta(min_length=1)]
    label: Annotated[str, Meta(min_length=1, max_length=40)] = "OpenID Connect"
    scopes: tuple[str, ...] = ("openid", "profile")
    name_claim: Annotated[str, Meta(min_length=1)] = "preferred_username"
    role_claim: Annotated[str, Meta(min_length=1)] = "roles"
    roles: Annotated[dict[str, Role], Meta(min_length=1)]
    sites: dict[str, list[str]] = {}

    def located(self, base: Path) -> "OidcConfig":
        """With the secret's file as an absolute path."""
        return msgspec.structs.replace(self, secret_file=str(base / self.secret_file))
