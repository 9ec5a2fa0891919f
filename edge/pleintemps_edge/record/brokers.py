"""Lines to brokers that are listened in on."""

from types import TracebackType
from typing import Protocol, Self

from pleintemps_contract.cores import AgentBroker, AgentLine, Delivered, Will


class Ear(Protocol):
    """What is told of one line."""

    def line(self, up: bool) -> None: ...

    def heard(self, message: Delivered) -> None: ...

    def said(self, topic: str, payload: bytes) -> None: ...


class _TappedLine:
    def __init__(self, line: AgentLine, ear: Ear) -> None:
        self._line = line
        self._ear = ear

    async def __aenter__(self) -> Self:
        await self._line.__aenter__()
        self._ear.line(True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._ear.line(False)
        await self._line.__aexit__(kind, error, trace)

    async def subscribe(self, topics: list[tuple[str, int]], /) -> object:
        return await self._line.subscribe(topics)

    async def publish(self, topic: str, payload: bytes, /, *, qos: int, retain: bool) -> None:
        self._ear.said(topic, payload)
        await self._line.publish(topic, payload, qos=qos, retain=retain)

    async def next_message(self) -> Delivered:
        message = await self._line.next_message()
        self._ear.heard(message)
        return message


class TappedBroker:
    """``broker`` with lines that tell."""

    def __init__(self, broker: AgentBroker, ear: Ear) -> None:
        self._broker = broker
        self._ear = ear

    @property
    def host(self) -> str:
        return self._broker.host

    @property
    def port(self) -> int:
        return self._broker.port

    def line(self, identifier: str, will: Will | None, /) -> AgentLine:
        """Raises OSError."""
        return _TappedLine(self._broker.line(identifier, will), self._ear)
