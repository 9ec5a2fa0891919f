"""Sending what is queued, off the event path: at least once, with growing pauses, until it is too late."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, bindparam, select, update

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.errors import LostSiteError, UndeliveredError, UnsealedError
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.glance import Glance
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import deliveries
from pleintemps_gateway.store.writer import Writer

from .channels import Channel, Parcel, Spool
from .messages import Message
from .sealing import Envelopes

LOOK_MS: Final = 1_000
"""Between two looks at what is due."""
FIRST_PAUSE_MS: Final = 15_000
LONGEST_PAUSE_MS: Final = 3_600_000
GIVE_UP_MS: Final = 5 * 86_400_000
"""Nothing is tried for longer."""
_AT_ONCE: Final = 8
_MAX_ERROR: Final = 200
_TOO_LATE: Final = "too late"

_DUE: Final = (
    select(deliveries)
    .where(deliveries.c.site.in_(bindparam("sites", expanding=True)))
    .where(deliveries.c.state == "queued", deliveries.c.due <= bindparam("now"))
    .order_by(deliveries.c.due)
    .limit(100)
)
_WAITING: Final = Prepared(_DUE)
_QUEUED: Final = Prepared(
    select(deliveries.c.due)
    .where(deliveries.c.site.in_(bindparam("sites", expanding=True)), deliveries.c.state == "queued")
    .limit(1)
)

_log = logging.getLogger(__name__)


def pause_ms(attempts: int) -> int:
    """The wait after so many failed attempts: 15 s, doubled each time, at most an hour."""
    return min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(max(attempts - 1, 0), 20))


def ends(message: Message, created: int) -> int:
    """When telling it is of no use any more (Unix ms): never later than the doors close."""
    # the next time of a right is one of many
    last = 0 if message.right else message.closes or message.end
    limits = (created + GIVE_UP_MS, last, message.until)
    return min(limit for limit in limits if limit)


class Courier:
    """Sends the messages of ``sites``, which come and go; a new process goes on where one ended."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        channels: Mapping[str, Channel],
        sealing: bytes,
        sites: Collection[str],
        world: World,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._channels = channels
        self._envelopes = Envelopes(sealing, world)
        self._sites = sites
        self._world = world
        self._glance = Glance(writer, world, deliveries.name, self._queued)
        self._down: set[str] = set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            if self._glance.is_due():
                await self.deliver_due()
            await self._glance.rest(LOOK_MS)

    async def deliver_due(self) -> int:
        """Try everything that is due, some at once; how many were tried."""
        rows = await asyncio.to_thread(self._due)
        for start in range(0, len(rows), _AT_ONCE):
            await asyncio.gather(*(self._try(row) for row in rows[start : start + _AT_ONCE]))
        return len(rows)

    def _queued(self) -> bool:
        return _QUEUED.finds(self._engine, {"sites": list(self._sites)})

    def _due(self) -> Sequence[Row[Any]]:
        asked = {"sites": list(self._sites), "now": self._world.now()}
        if not _WAITING.finds(self._engine, asked):
            return ()
        with self._engine.connect() as conn:
            return conn.execute(_DUE, asked).all()

    async def _try(self, row: Row[Any]) -> None:
        now = self._world.now()
        final = now
        try:
            message = self._envelopes.open(row.site, row.delivery, row.sealed or b"")
            final = ends(message, row.created)
            if now >= final:
                raise UndeliveredError(row.error or _TOO_LATE, final=True)
            channel = self._channels.get(row.channel)
            if channel is None:
                raise UndeliveredError("this channel is not configured")
            await channel.send(Parcel(delivery=row.delivery, template=row.template, message=message))
        except (UndeliveredError, UnsealedError) as error:
            await self._failed(row, error, final)
            return
        if row.channel in self._down:
            self._down.discard(row.channel)
            _log.info(line("delivery-back", channel=row.channel))
        done = {"state": "sent", "sealed": None, "error": None, "done": self._world.now()}
        if not await self._set(row, done) and isinstance(channel, Spool):
            channel.take_back(row.delivery)

    async def _failed(self, row: Row[Any], error: UndeliveredError | UnsealedError, final: int) -> None:
        now, attempts = self._world.now(), row.attempts + 1
        reason = str(error)[:_MAX_ERROR]
        over = isinstance(error, UnsealedError) or error.final or now >= final
        if not over and row.channel not in self._down:
            self._down.add(row.channel)
            _log.warning(line("delivery-down", channel=row.channel, error=reason))
        values: dict[str, Any] = {"error": reason, "attempts": attempts}
        if over:
            values |= {"state": "failed", "sealed": None, "done": now}
        else:
            values["due"] = min(now + pause_ms(attempts), final)
        await self._set(row, values)

    async def _set(self, row: Row[Any], values: dict[str, Any]) -> bool:
        """Whether the row is still there, and ours: an erasure takes it away at any moment."""

        def write(conn: Connection) -> bool:
            mine = (deliveries.c.site == row.site) & (deliveries.c.delivery == row.delivery)
            found = conn.execute(update(deliveries).where(mine).values(**values)).rowcount > 0
            record_change(conn, row.site, "deliveries", row.delivery, self._world.now())
            return found

        try:
            return await asyncio.wrap_future(self._writer.submit(write, site=row.site))
        except LostSiteError:
            return False
