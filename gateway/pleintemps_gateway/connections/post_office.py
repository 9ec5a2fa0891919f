"""Telling webhooks, off the event path: what changed goes to the outbox, what waits goes out.

A webhook follows the change feed from its own cursor; cursor and outbox move in one transaction: nothing is
missed, and told twice only if an answer was lost. What fails is tried again after 15 s, then twice as
long, up to an hour; a webhook that takes nothing for five days is switched off and shown.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, select, tuple_, update

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.delivery.courier import pause_ms
from pleintemps_gateway.errors import LostSiteError, PostError
from pleintemps_gateway.store.changes import last_change, record_change
from pleintemps_gateway.store.glance import Glance
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import changes
from pleintemps_gateway.store.schema_connections import posts, webhooks
from pleintemps_gateway.store.upsert import upsert
from pleintemps_gateway.store.writer import Writer

from .bodies import KIND_OF, read_body
from .guarded import Poster
from .signing import sign

LOOK_MS: Final = 1_000
GIVE_UP_MS: Final = 5 * 86_400_000
"""A webhook that takes nothing for so long is switched off."""
KEEP_MS: Final = 90 * 86_400_000
"""What was told is remembered for so long, not to tell the same again."""
STEP: Final = 500
"""Changes that one step follows, and rows that one step forgets."""
_AT_ONCE: Final = 8
_MAX_ERROR: Final = 200
_EVENT_OF: Final = {kind: event for event, kind in KIND_OF.items()}

_ANY: Final = Prepared(
    select(webhooks.c.hook)
    .where(webhooks.c.site.in_(bindparam("sites", expanding=True)), webhooks.c.state == "on")
    .limit(1)
)

_log = logging.getLogger(__name__)


class _Wait(NamedTuple):
    """When something new was seen, when it goes out, and how often its webhook has failed."""

    now: int
    due: int
    attempts: int


class PostOffice:
    """The webhooks of ``sites``, which come and go; a new process goes on where one ended."""

    def __init__(
        self,
        sites: Collection[str],
        engine: Engine,
        writer: Writer,
        vault: Vault,
        world: World,
        poster: Poster,
    ) -> None:
        self._sites = sites
        self._engine = engine
        self._writer = writer
        self._vault = vault
        self._world = world
        self._poster = poster
        self._glance = Glance(writer, world, changes.name)
        self._hooks = Glance(writer, world, webhooks.name)

    async def run(self) -> None:
        """Follow and tell until cancelled."""
        some = False
        while True:
            if self._hooks.is_due():
                some = await asyncio.to_thread(self._any)
            if some and self._glance.is_due():
                await self.follow()
                await self.post_due()
            await (self._glance if some else self._hooks).rest(LOOK_MS)

    def _any(self) -> bool:
        return _ANY.finds(self._engine, {"sites": list(self._sites)})

    # --- into the outbox ------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Put everything that has changed into the outbox."""
        for site in list(self._sites):
            while await self._do(site, partial(self._follow, site=site)):
                continue

    def _follow(self, conn: Connection, site: str) -> bool:
        """One step; whether there is more to follow."""
        more = False
        last, now = last_change(conn, site), self._world.now()
        mine = (webhooks.c.site == site) & (webhooks.c.state == "on") & (webhooks.c.cursor < last)
        for hook in conn.execute(select(webhooks).where(mine)).all():
            wanted = msgspec.json.decode(hook.events, type=frozenset[str])
            seq = changes.c.seq
            news = select(seq, changes.c.kind, changes.c.key).where(changes.c.site == site, seq > hook.cursor)
            found = conn.execute(news.order_by(seq).limit(STEP)).all()
            through = found[-1].seq if found else last
            told = {(_EVENT_OF[row.kind], row.key): None for row in found if row.kind in _EVENT_OF}
            wait = self._wait(conn, hook, now)
            for event, key in told:
                if event in wanted:
                    self._put(conn, hook, event, key, wait)
            here = (webhooks.c.site == site) & (webhooks.c.hook == hook.hook)
            conn.execute(update(webhooks).where(here).values(cursor=through))
            more = more or through < last
        self._forget(conn, site, now)
        return more

    @staticmethod
    def _wait(conn: Connection, hook: Row[Any], now: int) -> _Wait:
        """What is new waits as long as what waits already: a server that is down is not asked more often."""
        if hook.failing is None:
            return _Wait(now, now, 0)
        waiting = (posts.c.site == hook.site) & (posts.c.hook == hook.hook) & posts.c.body.is_not(None)
        due, attempts = conn.execute(
            select(func.max(posts.c.due), func.max(posts.c.attempts)).where(waiting)
        ).one()
        return _Wait(now, now if due is None else due, attempts or 0)

    def _put(self, conn: Connection, hook: Row[Any], event: str, key: str, wait: _Wait) -> None:
        body = read_body(conn, hook.site, event, key)
        if body is None:
            return
        digest = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
        if conn.scalar(select(posts.c.digest).where(_of(hook.site, hook.hook, event, key))) == digest:
            return  # it waits, or was told, just as it is
        post = self._world.new_id()
        said = {"id": post, "type": event, "site": hook.site, "at": wait.now, "data": body}
        row = {"site": hook.site, "hook": hook.hook, "event": event, "subject": key, "post": post}
        row |= {"digest": digest, "body": msgspec.json.encode(said).decode()}
        upsert(conn, posts, [row | {"at": wait.now, "due": wait.due, "attempts": wait.attempts}])

    def _forget(self, conn: Connection, site: str, now: int) -> None:
        key = (posts.c.hook, posts.c.event, posts.c.subject)
        old = select(*key).where(posts.c.site == site, posts.c.at < now - KEEP_MS).limit(STEP)
        conn.execute(delete(posts).where(posts.c.site == site, tuple_(*key).in_(old)))

    # --- out of it ------------------------------------------------------------------------------------

    async def post_due(self) -> int:
        """Try everything that is due; how many were tried. A webhook that fails is not tried further now."""
        rows = await asyncio.to_thread(self._due)
        per_hook: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in rows:
            per_hook.setdefault((row.site, row.hook), []).append(row)
        queues = list(per_hook.values())
        for start in range(0, len(queues), _AT_ONCE):
            await asyncio.gather(*(self._post_all(queue) for queue in queues[start : start + _AT_ONCE]))
        return len(rows)

    def _due(self) -> Sequence[Row[Any]]:
        now = self._world.now()
        same = (webhooks.c.site == posts.c.site) & (webhooks.c.hook == posts.c.hook)
        columns = [webhooks.c[name] for name in ("url", "secret", "old_secret", "old_until", "failing")]
        ready = posts.c.site.in_(list(self._sites)) & posts.c.body.is_not(None) & (posts.c.due <= now)
        query = select(posts, *columns).join(webhooks, same).where(ready, webhooks.c.state == "on")
        with self._engine.connect() as conn:
            return conn.execute(query.order_by(posts.c.due, posts.c.at).limit(100)).all()

    async def _post_all(self, rows: Sequence[Row[Any]]) -> None:
        failing = rows[0].failing
        for row in rows:
            try:
                await self._post(row)
            except PostError as error:
                await self._do(row.site, partial(self._failed, row=row, error=error))
                return
            await self._do(row.site, partial(self._told, row=row, failing=failing))
            failing = None

    async def _post(self, row: Row[Any]) -> None:
        now, body = self._world.now(), row.body.encode()
        try:
            secrets = [self._vault.open_hook(row.site, row.hook, row.secret)]
            if row.old_secret is not None and (row.old_until or 0) > now:
                secrets.append(self._vault.open_hook(row.site, row.hook, row.old_secret))
        except InvalidTag as error:
            raise PostError("its secret cannot be opened: was the sealing key changed?") from error
        headers = {"content-type": "application/json", "user-agent": "pleintemps"}
        await self._poster.post(row.url, headers | sign(secrets, row.post, now, body), body)

    def _told(self, conn: Connection, row: Row[Any], failing: int | None) -> None:
        mine = _of(row.site, row.hook, row.event, row.subject) & (posts.c.post == row.post)
        conn.execute(update(posts).where(mine).values(body=None, due=None))
        self._set(conn, row, {"told": self._world.now(), "failing": None, "error": None})
        if failing is not None:
            _log.info(line("webhook-back", site=row.site, hook=row.hook))

    def _failed(self, conn: Connection, row: Row[Any], error: PostError) -> None:
        now, attempts = self._world.now(), row.attempts + 1
        since = row.failing if row.failing is not None else now
        values: dict[str, Any] = {"failing": since, "error": str(error)[:_MAX_ERROR]}
        if error.gone:
            values["state"] = "gone"
        elif now >= since + GIVE_UP_MS:
            values["state"] = "failed"
        self._set(conn, row, values)
        # everything of this webhook waits: its server is asked once, not once for each message
        waiting = (posts.c.site == row.site) & (posts.c.hook == row.hook) & posts.c.body.is_not(None)
        due = now + pause_ms(attempts)
        conn.execute(update(posts).where(waiting).values(due=due, attempts=attempts))
        if row.failing is None or "state" in values:
            facts = {"error": values["error"], "state": values.get("state", "on")}
            _log.warning(line("webhook-down", site=row.site, hook=row.hook, **facts))

    def _set(self, conn: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        mine = (webhooks.c.site == row.site) & (webhooks.c.hook == row.hook) & (webhooks.c.state == "on")
        conn.execute(update(webhooks).where(mine).values(**values))
        record_change(conn, row.site, "webhooks", row.hook, self._world.now())

    async def _do(self, site: str, job: Callable[[Connection], Any]) -> Any:
        try:
            return await asyncio.wrap_future(self._writer.submit(job, site=site))
        except LostSiteError:  # who holds it now goes on from its rows
            return None


def _of(site: str, hook: str, event: str, subject: str) -> Any:
    return (
        (posts.c.site == site)
        & (posts.c.hook == hook)
        & (posts.c.event == event)
        & (posts.c.subject == subject)
    )
