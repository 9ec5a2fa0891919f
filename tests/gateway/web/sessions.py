"""A session as the log-in makes it, without the price of a password: for tests that visit much as many."""

from itertools import count

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, insert

from pleintemps_gateway.api.auth import hash_token
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from . import town
from .clients import browser

CSRF = "c" * 64
_tokens = map("session-{}".format, count())


def account(engine: Engine, name: str, role: str, *, home: str = "*", sites: str | None = None) -> None:
    """Somebody without a password; ``sites`` is a JSON list."""
    values = {"password": "", "role": role, "created": town.NOW, "sites": sites}
    with write_transaction(engine, [home]) as conn:
        conn.execute(insert(schema.users).values(site=home, name=name, **values))


def visitor(app: FastAPI, engine: Engine, name: str, *, home: str = "*", **headers: str) -> httpx.AsyncClient:
    """A browser in which ``name`` of ``home`` is logged in; its forms prove themselves with ``CSRF``."""
    token = next(_tokens)
    row = {"csrf": CSRF, "created": town.NOW, "expires": town.NOW + 86_400_000, "seen": town.NOW}
    with write_transaction(engine, [home]) as conn:
        conn.execute(
            insert(schema.sessions).values(site=home, token_hash=hash_token(token), name=name, **row)
        )
    client = browser(app, **headers)
    client.cookies.set("pleintemps_session", token)
    return client
