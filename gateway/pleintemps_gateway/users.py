"""People who may log in, as ``user add`` writes them."""

from typing import Final

from sqlalchemy import Engine, delete

from pleintemps_contract.world import World
from pleintemps_gateway.api.passwords import hash_password
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import sessions, users
from pleintemps_gateway.store.upsert import upsert

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4


def new_password(world: World) -> str:
    """A random password of 79 bits, easy to read out: four groups of four letters or digits."""
    letters = [_LETTERS[world.random_below(len(_LETTERS))] for _ in range(4 * _GROUPS)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, len(letters), 4))


def put_user(engine: Engine, site: str, name: str, password: str, role: str, world: World) -> None:
    """Add a person of ``site`` (``*``: every site), or replace password and role; raises SettingsError.

    Who was logged in under that name must log in again.
    """
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise SettingsError("a user's name has 1 to 80 printable characters")
    try:
        encoded = hash_password(password)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    row = {"site": site, "name": name, "password": encoded, "role": role, "created": world.now()}
    with write_transaction(engine, [site]) as conn:
        upsert(conn, users, [row])
        conn.execute(delete(sessions).where(sessions.c.site == site, sessions.c.name == name))
        record(conn, site, world, "user.changed", f"user/{role}", {"name": name, "role": role})
