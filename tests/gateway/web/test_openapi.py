"""What the OpenAPI document promises holds for whatever is asked: no 5xx, no undocumented answer."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from requests import Request
from sqlalchemy import create_engine

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.api.docs import OPEN, describe

from . import town
from .clients import browser

QUICK = settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=timedelta(seconds=10),
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=300)
STREAM = "/api/v1/live"  # it has no end; test_live reads it


DOCUMENT = describe(create_app(town.config(), ManualWorld(town.NOW), create_engine("sqlite://")))
OPERATIONS = [
    (method.upper(), path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path != STREAM
]
CALLS = pytest.mark.parametrize(("method", "path"), OPERATIONS)


@cache
def schema() -> Any:
    """What makes calls from the document; dear to load, so by who runs these tests alone."""
    import schemathesis

    return schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture
def token(app: FastAPI) -> str:
    async def log_in() -> str:
        async with browser(app) as client:
            wish = {"name": "marion", "password": town.PASSWORD}
            return str((await client.post("/api/v1/sessions", json=wish)).json()["token"])

    return asyncio.run(log_in())


def ask(app: FastAPI, method: str, path: str, how: settings, token: str) -> None:
    """Ask in every way that the document allows, and in ways that it forbids; also without a log-in."""
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as openapi

    checks = [
        not_a_server_error,
        openapi.status_code_conformance,
        openapi.content_type_conformance,
        openapi.response_headers_conformance,
        openapi.response_schema_conformance,
    ]
    operation = schema()[path][method]
    takes = any((operation.body, operation.path_parameters, operation.query, operation.headers))

    def run(mode: GenerationMode, headers: dict[str, str], wanted: list[Any]) -> None:
        @how
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            asked = Request(**case.as_transport_kwargs(base_url="http://gateway")).prepare()
            sent = {name: str(value) for name, value in asked.headers.items()} | headers
            body: Any = asked.body
            answer = runner.run(client.request(str(asked.method), str(asked.url), content=body, headers=sent))
            case.validate_response(answer, checks=wanted)

        probe: Callable[[], None] = one
        probe()

    client = browser(app)
    with asyncio.Runner() as runner:
        run(GenerationMode.POSITIVE, {}, checks)
        run(GenerationMode.POSITIVE, {"Authorization": f"Bearer {token}"}, checks)
        if takes:
            refuses = [*checks, openapi.negative_data_rejection]
            run(GenerationMode.NEGATIVE, {"Authorization": f"Bearer {token}"}, refuses)
        runner.run(client.aclose())


@CALLS
def test_every_answer_is_a_documented_one(app: FastAPI, token: str, method: str, path: str) -> None:
    ask(app, method, path, QUICK, token)


@pytest.mark.soak
@CALLS
def test_every_answer_is_a_documented_one_for_long(app: FastAPI, token: str, method: str, path: str) -> None:
    ask(app, method, path, LONG, token)


def test_what_the_document_says_needs_a_log_in_needs_one(app: FastAPI) -> None:
    async def call(method: str, path: str) -> int:
        async with browser(app) as client:
            where = path.replace("{alert}", town.NOISE).replace("{booking}", town.BOOKING)
            address = re.sub(r"\{[a-z]+\}", "a" * 32, where)
            return (await client.request(method, address, json={})).status_code

    for method, path in OPERATIONS:
        secured = bool(DOCUMENT["paths"][path][method.lower()].get("security"))
        assert (asyncio.run(call(method, path)) == 401) is secured, path
        assert secured is (path not in OPEN)
