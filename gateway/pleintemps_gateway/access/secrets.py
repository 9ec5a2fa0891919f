"""The secrets of spaces, from which offline codes are computed: made once, kept sealed."""

from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, insert, select

from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.store.schema import space_secrets

from .vault import Vault


def space_secrets_of(conn: Connection, site: str, spaces: Iterable[str], vault: Vault) -> dict[str, bytes]:
    """The secret of each of ``spaces``, made where there is none yet; inside ``write_transaction``.

    Raises StoreError if the store was sealed with another key.
    """
    rows = conn.execute(select(space_secrets).where(space_secrets.c.site == site))
    sealed = {row.space: bytes(row.sealed) for row in rows}
    found: dict[str, bytes] = {}
    for space in spaces:
        if space not in sealed:
            sealed[space] = vault.new_space_secret(site, space)
            conn.execute(insert(space_secrets).values(site=site, space=space, sealed=sealed[space]))
        try:
            found[space] = vault.open_space_secret(site, space, sealed[space])
        except InvalidTag as error:
            raise StoreError(
                "offline codes cannot be unsealed: sealing.key is not that of this store"
            ) from error
    return found
