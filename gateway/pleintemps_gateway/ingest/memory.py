"""All sites of one ingest process, as the writer's memory."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, select

from pleintemps_contract.errors import IdentifierError, TopicError
from pleintemps_contract.topics import Topic
from pleintemps_contract.world import World
from pleintemps_gateway.errors import DeposedError
from pleintemps_gateway.store import raw
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.prepared import Prepared
from pleintemps_gateway.store.schema import reigns
from pleintemps_gateway.store.together import together
from pleintemps_gateway.store.upsert import upsert

from .arrivals import Incoming
from .site import SiteMemory
from .speaker import Message, is_command

_REIGNS: Final = Prepared(
    select(reigns.c.site, reigns.c.epoch).where(reigns.c.site.in_(bindparam("sites", expanding=True)))
)
_AT_ONCE: Final = 8
"""Messages that are signed and said before something urgent has its turn."""
_UNREADABLE: Final = "unreadable topics"
_parse: Final = lru_cache(maxsize=16_384)(Topic.parse)


def take_over(engine: Engine, site: str, world: World) -> int:
    """Begin a reign over ``site``; returns its epoch, higher than any before, even in a restored store."""
    now = world.now()
    with write_transaction(engine, [site]) as conn:
        old = conn.execute(select(reigns.c.epoch).where(reigns.c.site == site)).scalar_one_or_none()
        epoch = max((0 if old is None else int(old)) + 1, now // 1000)
        upsert(conn, reigns, [{"site": site, "epoch": epoch, "revision": 0, "started": now}])
    return epoch


class Handed:
    """The job for one message of ``site``; without ``incoming`` its topic is none. ``is_patient``: it may
    wait a moment for others."""

    __slots__ = ("_incoming", "_sites", "is_patient", "site")

    def __init__(self, sites: Mapping[str, SiteMemory], site: str, incoming: Incoming | None) -> None:
        self._sites = sites
        self.site = site
        self._incoming = incoming
        self.is_patient = incoming is not None and incoming.is_patient

    def __call__(self, conn: Connection) -> None:
        if (memory := self._sites.get(self.site)) is None:
            return
        if self._incoming is None:
            memory.refuse(_UNREADABLE, "not in the table")
        else:
            memory.take(conn, self._incoming)


class GatewayMemory:
    """The writer's Memory for several sites; ``publish`` gets what is to be said after each commit."""

    def __init__(
        self, sites: list[SiteMemory], publish: Callable[[str, bytes, bool], None], *, alone: bool = False
    ) -> None:
        """``alone``: nobody else can take a site over."""
        self._alone = alone
        self.sites = {site.site: site for site in sites}
        self._publish = publish
        self._written: list[SiteMemory] = []
        self._ready: dict[str, list[Message]] = {}
        """Receipts that are signed already, by site."""

    def _check_reign(self, conn: Connection) -> None:
        """Raises DeposedError unless every site is still ours: what was judged since is worth nothing."""
        if self._alone:
            return
        epochs = {site: epoch for site, epoch in _REIGNS.all(conn, {"sites": list(self.sites)})}
        for name, site in self.sites.items():
            if epochs.get(name) != site.speaker.epoch:
                raise DeposedError(f"another gateway has taken over site {name!r}: run one on a store")

    def flush(self, conn: Connection) -> None:
        self.begin_parts(conn)
        for site in self._wanting():
            self.flush_part(conn, site.site)
        self.end_parts(conn)

    def begin_parts(self, conn: Connection) -> None:
        self._check_reign(conn)
        raw.forget_gathered(conn)
        self._written = []
        self._ready = {}

    def flush_part(self, conn: Connection, part: str) -> None:
        if (site := self.sites.get(part)) is not None:
            self._written.append(site)
            site.flush(conn)

    def end_parts(self, conn: Connection) -> None:
        raw.put_gathered(conn)

    def stirred(self) -> list[str]:
        return [site.site for site in self.sites.values() if site.stirs]

    def due(self) -> list[str]:
        return [site.site for site in sorted(self._wanting(), key=lambda site: site.flushed)]

    def _wanting(self) -> list[SiteMemory]:
        # of many sites a group is of a few; the others have their turn each second
        sites = list(self.sites.values())
        return [site for site in sites if site.wants] if len(sites) > 1 else sites

    def committed(self) -> None:
        for site in self._written:
            receipts, messages = site.committed()
            for message in chain(receipts, messages):
                self._publish(*message)

    def prepare(self) -> None:
        for site in self._written:
            self._ready[site.site] = site.signed_receipts()

    def say(self, between: Callable[[], None]) -> None:
        words = [site.committed(self._ready.pop(site.site, None)) for site in self._written]
        commands = [message for each in words for message in each.messages if is_command(message)]
        for message in commands:
            self._publish(*message)
        for receipts, messages in words:
            rest = (message for message in messages if not is_command(message))
            for place, message in enumerate(chain(receipts, rest)):
                if place % _AT_ONCE == 0:
                    between()
                self._publish(*message)

    def reload(self, conn: Connection) -> None:
        self._check_reign(conn)
        with together(conn, self.sites):
            for site in self.sites.values():
                site.reload(conn)

    def judge(self) -> bool:
        """Let the rules of all sites judge what time brings; whether a group should be written for it."""
        return any([site.judge() for site in self.sites.values()])

    def announce(self, _conn: Connection) -> None:
        """After a connect: say everything that the broker must hold."""
        for site in self.sites.values():
            site.pending.messages += site.speaker.everything()

    def take(self, topic: str, payload: bytes, retained: bool) -> Handed:
        """The job for one message; never raises, whatever the message is."""
        try:
            parsed = _parse(topic)
        except (TopicError, IdentifierError):
            name = topic.split("/")[2] if topic.count("/") >= 2 else ""
            return Handed(self.sites, name, None)
        return Handed(self.sites, parsed.site, Incoming(parsed, payload, retained).ahead())
