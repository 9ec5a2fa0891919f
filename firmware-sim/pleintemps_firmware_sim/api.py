"""A small client of the gateway's REST interface, for counting and waiting."""

import asyncio
import http.client
from typing import Any, Final

import msgspec

from .errors import GatewayError

_TIMEOUT_S: Final = 5.0


class GatewayApi:
    """One caretaker's session at a gateway on the loopback address."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._token = ""

    async def log_in(self, name: str, password: str) -> None:
        """Raises GatewayError if the gateway refuses."""
        answer = await self._call("POST", "/api/v1/sessions", {"name": name, "password": password})
        self._token = str(answer["token"])

    async def agents_online(self) -> set[str]:
        """Names of the agents that are online and were born."""
        items = (await self._call("GET", "/api/v1/agents"))["items"]
        return {str(row["agent"]) for row in items if row["presence"] == "online" and row["born_at"]}

    async def summary(self) -> dict[str, int]:
        """Counts over everything stored."""
        answer = await self._call("GET", "/api/v1/summary")
        return {key: int(value) for key, value in answer.items()}

    async def alerts_by_kind(self) -> dict[str, int]:
        """How many alerts of each kind were ever opened."""
        items = (await self._call("GET", "/api/v1/alerts?state=any&limit=1000"))["items"]
        counts: dict[str, int] = {}
        for row in items:
            counts[row["kind"]] = counts.get(row["kind"], 0) + 1
        return counts

    async def spaces(self) -> dict[str, dict[str, Any]]:
        """Every space as it is believed now."""
        items = (await self._call("GET", "/api/v1/spaces"))["items"]
        return {row["space"]: row for row in items}

    async def order(self, site: str, door: str, action: str) -> None:
        """Ask a door for an action in ONVIF's words; what came of it is told elsewhere."""
        await self._call("POST", f"/api/v1/doors/{site}/{door}/commands", {"action": action})

    async def _call(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self._request, method, path, body)

    def _request(self, method: str, path: str, body: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            data = None if body is None else msgspec.json.encode(body)
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise GatewayError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise GatewayError(f"{method} {path}: {response.status} {answer[:200].decode(errors='replace')}")
        try:
            return msgspec.json.decode(answer)
        except msgspec.MsgspecError as error:
            raise GatewayError(f"{method} {path}: no JSON: {error}") from error
