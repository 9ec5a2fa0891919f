"""The page for tablets: who may look, who may order, and what it is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pleintemps_contract.world import ManualWorld
from pleintemps_firmware_sim.console import panel
from pleintemps_firmware_sim.errors import PortBusyError

from .house import House, play

OURS = {panel.HEADER: "panel"}
Scene = Callable[[House, httpx.AsyncClient], Awaitable[None]]


def _served(folder: Path, scene: Scene, token: str | None = None) -> None:
    async def run(house: House) -> None:
        with panel.listen(panel.HERE, 0) as listener:
            address = panel.address_of(listener, None)
            serving = asyncio.create_task(panel.serve(folder, listener, token))
            async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
                await scene(house, client)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    play(folder, run)


def _order(act: str, target: str, **values: object) -> bytes:
    return json.dumps({"type": "order", "act": act, "target": target, "values": values}).encode()


async def _event(lines: Any, name: str) -> Any:
    """The next event of that name."""
    async for line in lines:
        if line == f"event: {name}":
            return json.loads((await anext(lines)).removeprefix("data: "))
    raise AssertionError(f"no {name}")


def test_an_order_is_carried_out_and_seen_by_who_looks(tmp_path: Path) -> None:
    async def scene(house: House, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/events") as looking:
            assert looking.headers["content-type"].startswith("text/event-stream")
            lines = looking.aiter_lines()
            begin = await _event(lines, "begin")
            hall = next(one for one in begin["things"] if (one["goal"], one["name"]) == ("door", "hall"))
            assert hall["says"] == "Salle des fêtes"
            assert {"press", "push", "jam"} <= set(hall["acts"]) <= set(begin["acts"])
            now = await _event(lines, "now")
            assert now["states"]["door hall"] == "shut, locked"
            answer = await client.post("/orders", headers=OURS, content=_order("leave", "hall"))
            assert (answer.status_code, answer.json()) == (200, {"text": "opened"})
            while "door hall" not in now["states"] or "OPEN" not in now["states"]["door hall"]:
                now = await _event(lines, "now")

    _served(tmp_path, scene)


def test_orders_that_are_wrong_say_why(tmp_path: Path) -> None:
    async def scene(house: House, client: httpx.AsyncClient) -> None:
        for body, status in (
            (b"", 400),
            (b"{}", 400),
            (_order("push", "cellar"), 409),
            (_order("dance", "hall"), 409),
            (b" " * 5_000, 413),
        ):
            answer = await client.post("/orders", headers=OURS, content=body)
            assert (answer.status_code, list(answer.json())) == (status, ["error"])

    _served(tmp_path, scene)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        OURS | {"Origin": "http://evil.example"},
        OURS | {"Origin": "null"},
        OURS | {"Host": "evil.example"},
        OURS | {"Host": "evil.example:80", "Origin": "http://evil.example:80"},
    ],
)
def test_no_other_page_can_give_orders(tmp_path: Path, headers: dict[str, str]) -> None:
    async def scene(house: House, client: httpx.AsyncClient) -> None:
        answer = await client.post("/orders", headers=headers, content=_order("leave", "hall"))
        assert answer.status_code == 403
        assert not house.building.door("hall").mechanics.open
        if "Host" in headers:
            assert (await client.get("/events", headers=headers)).status_code == 403

    _served(tmp_path, scene)


def test_with_a_token_nobody_looks_or_orders_without_it(tmp_path: Path) -> None:
    token = panel.make_token(ManualWorld(seed=1))

    async def scene(house: House, client: httpx.AsyncClient) -> None:
        assert (await client.get("/")).status_code == 200
        for word in ("", "Basic eA==", "Bearer x", f"Bearer {token}x"):
            given = {"Authorization": word} if word else {}
            assert (await client.get("/events", headers=given)).status_code == 401
            order = await client.post("/orders", headers={**OURS, **given}, content=_order("leave", "hall"))
            assert order.status_code == 401
        assert not house.building.door("hall").mechanics.open
        known = {"Authorization": f"Bearer {token}", "Host": "bench.example:8090"}
        order = await client.post("/orders", headers=OURS | known, content=_order("leave", "hall"))
        assert order.status_code == 200

    _served(tmp_path, scene, token)


def test_the_page_is_its_own_and_allows_nothing_else(tmp_path: Path) -> None:
    async def scene(house: House, client: httpx.AsyncClient) -> None:
        for path in ("/", "/panel.js", "/panel.css"):
            answer = await client.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert "http" not in answer.text
        assert "<script>" not in (await client.get("/")).text
        assert (await client.get("/panel.py")).status_code == 404

    _served(tmp_path, scene)


def test_who_looks_is_told_of_the_end(tmp_path: Path) -> None:
    async def scene(house: House, client: httpx.AsyncClient) -> None:
        (tmp_path / "control.json").unlink()
        async with client.stream("GET", "/events") as looking:
            assert "nothing runs" in (await _event(looking.aiter_lines(), "end"))["error"]
        (tmp_path / "control.json").write_text("{}")

    _served(tmp_path, scene)


def test_a_port_that_is_taken_is_said_and_a_token_stays_in_the_browser() -> None:
    with panel.listen(panel.HERE, 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortBusyError, match=str(port)):
            panel.listen(panel.HERE, port)
        assert panel.address_of(listener, "abc") == f"http://127.0.0.1:{port}/#abc"
