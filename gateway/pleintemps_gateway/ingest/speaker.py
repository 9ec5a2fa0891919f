"""What the gateway says to a site, all of it signed: who rules, receipts, grants, configurations, commands,
room states."""

import base64
import logging
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, select, update

from pleintemps_contract.agent_messages import (
    CommandResult,
    ConfigResult,
    GrantsHeld,
    ManifestResult,
    Response,
)
from pleintemps_contract.gateway_messages import Announcement, GatewayTime, Receipt, RoomState
from pleintemps_contract.logs import line
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import GatewayMessage, seal_gateway
from pleintemps_contract.world import World
from pleintemps_gateway.access.offline_plan import plan_of
from pleintemps_gateway.access.salts import ensure_salt, sets_of
from pleintemps_gateway.access.service import UNPUBLISHED
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.audit.log import record
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.engine import Booking, SpaceNow
from pleintemps_gateway.signing import Signing
from pleintemps_gateway.store.schema import credentials, grants, reigns

from .agents import AgentBook
from .coming import Coming
from .commands import Answered, Asked, CommandDesk, Reign
from .days import CalendarWatch
from .grants import GrantBook
from .pending import Pending, ReceiptKey
from .timings import TimingsBook

Message = tuple[str, bytes, bool]
"""Topic, payload, retained."""
_REFRESH_MS: Final = 60_000
_COMMAND: Final = f"/{Channel.COMMAND.value}"

_log = logging.getLogger(__name__)


def is_command(message: Message) -> bool:
    """Whether it is a command to a door, for which somebody waits."""
    return message[0].endswith(_COMMAND)


class Speaker:
    """Signs for one site in one epoch; ``revision`` counts its messages and never goes back."""

    def __init__(
        self,
        config: SiteConfig,
        world: World,
        signing: Signing,
        vault: Vault,
        peppers: dict[str, bytes],
        epoch: int,
    ) -> None:
        self._config = config
        self._site = config.site
        self._world = world
        self._signing = signing
        self.epoch = epoch
        self._revision = 0
        self._started = world.now()
        self._commands = CommandDesk(config.site)
        holders = {door.agent for door in config.doors}
        self._plan = plan = plan_of(config)
        self._vault = vault
        self._peppers = dict(peppers)
        for space, door in sorted(plan.refused.items()):
            _log.warning(line("no-offline-codes", site=config.site, space=space, crowded=door))
        # those without a door as well: what they hold of an earlier plan is taken from them
        self._books = {agent: self._book(agent) for agent in peppers}
        for agent in sorted(holders - self._books.keys()):
            _log.warning(line("agent-without-keys", site=config.site, agent=agent))
        self._timings = TimingsBook(config)
        self._untold: set[str] = set()
        self._unannounced = True
        self.listening = True
        """Whether we hear the site: who rules is said to agents that would be answered."""
        self.patient = False
        """Whether grants and timings wait: agents hold those of the epoch before."""
        self._dirty: set[str] = set()
        self._unsaid: set[str] = set()
        self._days = CalendarWatch(config)
        self._pages: dict[str, set[str]] = {}
        self._coming = Coming()
        self._rooms: dict[str, SpaceNow] = {}
        self._said: dict[str, tuple[object, ...]] = {}

    def _next(self) -> int:
        self._revision += 1
        return self._revision

    def _seal(self, topic: Topic, message: GatewayMessage) -> Message:
        return str(topic), seal_gateway(topic, message, self._signing.signer), topic.row.retained

    # --- the store ------------------------------------------------------------------------------------

    def reload(self, conn: Connection, bookings: Iterable[Booking], rooms: Iterable[SpaceNow]) -> None:
        """Read anew what is under way; every agent's grants will be composed and sent again."""
        spaces = {space.space for space in self._config.spaces}
        self._rooms = {room.space: room for room in rooms if room.space in spaces}
        self._commands.load(conn)
        for book in self._books.values():
            book.forget()
        self._everything_anew()
        self._coming = Coming(bookings)

    def _everything_anew(self) -> None:
        self._dirty = set(self._books)
        self._unsaid = set(self._books)
        self._untold = self._books.keys() & set(self._timings.agents)
        self._unannounced = True

    def sign_with(self, signing: Signing) -> None:
        """The gateway's keys have changed: say who may sign, and say everything again."""
        self._signing = signing
        for book in self._books.values():
            book.sign_with(signing.signer)
        self._said.clear()
        self._everything_anew()

    def _book(self, agent: str) -> GrantBook:
        pepper, signer = self._peppers[agent], self._signing.signer
        return GrantBook(self._config, agent, pepper, self._vault, signer, self._plan)

    def hold(self, peppers: dict[str, bytes]) -> list[Message]:
        """These are the agents now, and some secret is another one: all is composed anew, and what is new is
        said. What the broker keeps for who is gone is cleared.
        """
        gone = {agent for agent, pepper in self._peppers.items() if peppers.get(agent) != pepper}
        cleared = [message for agent in sorted(gone) for message in self._clear(agent)]
        self._peppers = dict(peppers)
        for agent in gone:
            del self._books[agent]
        new = peppers.keys() - self._books.keys()
        self._books |= {agent: self._book(agent) for agent in new}
        self._unsaid |= new
        self._untold |= new & set(self._timings.agents)
        for book in self._books.values():
            book.forget()
        self._dirty = set(self._books)
        self._unsaid &= self._books.keys()
        self._untold &= self._books.keys()
        return cleared

    def _clear(self, agent: str) -> list[Message]:
        """What is retained for an agent, taken back."""
        self._timings.published.pop(agent, None)
        tails = [(Channel.MANIFEST, ""), (Channel.CONFIG, "")]
        tails += [(Channel.PAGE, digest) for digest in sorted(self._pages.pop(agent, set()))]
        return [(str(Topic.of_agent(self._site, agent, *tail)), b"", True) for tail in tails]

    def wanted(self, conn: Connection, command: str, asked: Asked, now: int) -> None:
        """A rule asks something of a panel or of a signal."""
        self._commands.ask(conn, command, asked, now)

    def take_answered(self) -> list[Answered]:
        """Rules' commands that were answered, refused or not answered since the last call."""
        return self._commands.take_answered()

    @property
    def is_waiting(self) -> bool:
        """Whether a command is on its way, which may not be answered in time."""
        return self._commands.is_waiting

    @property
    def stirs(self) -> bool:
        """Whether :meth:`flush` would say something that does not hang on time."""
        composes = not self.patient and (self._dirty or self._untold)
        return bool(composes or self._commands.wanted or (self._unannounced and self.listening))

    def bookings_changed(self, bookings: Iterable[Booking]) -> None:
        self._coming.change(bookings)

    def commands_changed(self) -> None:
        self._commands.wanted = True

    def grants_changed(self, agent: str) -> None:
        if agent in self._books:
            self._dirty.add(agent)

    def flush(self, conn: Connection, holders: AgentBook, pending: Pending, now: int) -> None:
        """Prepare what must be said after this commit."""
        if self._unannounced and self.listening:
            self._unannounced = False
            pending.messages.append(self._announcement())
        if self._commands.wanted:
            reign = Reign(self.epoch, self._next())
            for agent, command in self._commands.prepare(conn, reign, holders.rows, pending, now):
                topic = Topic.of_agent(self._site, agent, Channel.COMMAND)
                pending.messages.append(self._seal(topic, command))
        self._commands.expire(conn, pending, now)
        if self._days.has_turned(now):
            self._dirty = set(self._books)
        if not self.patient:
            self._compose_all(conn, holders, pending, now)

    def _compose_all(self, conn: Connection, holders: AgentBook, pending: Pending, now: int) -> None:
        """Grants and timings of every agent whose may have changed."""
        for agent in sorted(self._dirty):
            self._compose(conn, agent, pending, now)
        self._dirty.clear()
        for agent in sorted(self._untold):
            row = holders.row(agent)
            before = row["config"]
            if self._timings.compose(agent, row, self.epoch, self._next()) is not None:
                holders.write(agent, pending)
                pending.messages.append(self._timings_for(agent))
                if row["config"] != before:
                    fields = {"by": "configuration"}
                    record(conn, self._site, self._world, "config.published", f"agent/{agent}", fields)
        self._untold.clear()

    def _timings_for(self, agent: str) -> Message:
        topic = Topic.of_agent(self._site, agent, Channel.CONFIG)
        return self._seal(topic, self._timings.published[agent])

    def _announcement(self) -> Message:
        keys = [base64.b64encode(key.public_bytes_raw()).decode() for key in self._signing.announced]
        message = Announcement(epoch=self.epoch, revision=self._next(), started=self._started, keys=keys)
        return self._seal(Topic.announcement(self._site), message)

    def _compose(self, conn: Connection, agent: str, pending: Pending, now: int) -> None:
        book, revision = self._books[agent], self._next()
        ensure_salt(conn, self._config, self._world)
        hashes = sets_of(conn, self._site)
        try:
            published = book.compose(conn, hashes, self.epoch, revision, now, self._days.is_closed)
        except ValueError as error:
            _log.error(line("grants-not-published", site=self._site, agent=agent, reason=error))
            return
        old = book.published
        if old is not None and agent not in self._unsaid and published.says(old):
            published = old  # nothing that this agent has to know has changed
        mine = (grants.c.site == self._site) & (grants.c.agent == agent)
        fresh = update(grants).where(mine, grants.c.epoch == UNPUBLISHED)
        conn.execute(fresh.values(epoch=published.epoch, revision=published.revision))
        if published is old:
            return
        reign = update(reigns).where(reigns.c.site == self._site)
        conn.execute(reign.values(revision=revision))
        book.published = published
        held = frozenset() if old is None or agent in self._unsaid else old.digests
        self._unsaid.discard(agent)
        messages = book.messages(published, held)
        pending.messages += [(topic, payload, True) for topic, payload in messages]
        self._pages.setdefault(agent, set()).update(published.digests)
        pending.changes["agents", agent] = None

    # --- grants ---------------------------------------------------------------------------------------

    def page_seen(self, agent: str, digest: str, there: bool) -> None:
        """The broker holds (or has lost) a page, perhaps one of an earlier gateway."""
        if agent not in self._books:
            return
        pages = self._pages.setdefault(agent, set())
        (pages.add if there else pages.discard)(digest)

    def born(self, agent: str, held: GrantsHeld | None, row: dict[str, Any], pending: Pending) -> None:
        """Send everything again to an agent that holds something else than it should."""
        if agent in self._timings.published and row["config_applied"] is None:
            pending.messages.append(self._timings_for(agent))
        book = self._books.get(agent)
        if book is None or book.published is None:
            return
        now = (book.published.epoch, book.published.revision)
        if held is None or (held.epoch, held.revision) != now:
            messages = book.messages(book.published)
            pending.messages += [(topic, payload, True) for topic, payload in messages]

    def answered(
        self, conn: Connection, agent: str, response: Response, row: dict[str, Any], pending: Pending
    ) -> str:
        """Take an agent's answer; returns a complaint, empty if it was one that was waited for."""
        if isinstance(response, CommandResult):
            return self._commands.answer(conn, agent, response, pending, self._world.now())
        if isinstance(response, ConfigResult):
            return self._timings.answered(agent, response, row)
        if not isinstance(response, ManifestResult):
            return "an answer to nothing"
        book = self._books.get(agent)
        if book is None or book.published is None:
            return "an answer to nothing"
        if (response.epoch, response.revision) > (book.published.epoch, book.published.revision):
            return "an answer to a manifest that was never sent"
        row["grants_detail"] = response.detail or None
        if response.applied:
            row["grants_epoch"], row["grants_revision"] = response.epoch, response.revision
            self._clear_pages(agent, response, pending)
        return ""

    def _clear_pages(self, agent: str, result: ManifestResult, pending: Pending) -> None:
        book = self._books.get(agent)
        if book is None or book.published is None:
            return
        published = book.published
        if (result.epoch, result.revision) != (published.epoch, published.revision):
            return
        stale = self._pages.get(agent, set()) - published.digests
        for digest in sorted(stale):
            topic = str(Topic.of_agent(self._site, agent, Channel.PAGE, digest))
            pending.messages.append((topic, b"", True))
        self._pages[agent] = set(published.digests)

    def booking_of_grant(self, conn: Connection, grant: str) -> str | None:
        """The booking whose code is ``grant``."""
        mine = (credentials.c.site == self._site) & (credentials.c.grant == grant)
        found = conn.execute(select(credentials.c.booking).where(mine)).first()
        return None if found is None else found.booking

    # --- after the commit -----------------------------------------------------------------------------

    def receipt(self, key: ReceiptKey, through: int, nonce: str | None = None) -> Message:
        """A receipt; with the gateway's time for ``nonce``."""
        time = None if nonce is None else GatewayTime(nonce=nonce, now=self._world.now())
        message = Receipt(
            epoch=self.epoch,
            revision=self._next(),
            journal=key.journal,
            stream=key.stream,
            through=through,
            time=time,
        )
        return self._seal(Topic.of_agent(self._site, key.agent, Channel.RECEIPT), message)

    def rooms(self, spaces: Iterable[SpaceNow], now: int) -> list[Message]:
        """Room states that say something else than the last ones, or nothing new for a minute."""
        messages = []
        for space in spaces:
            self._rooms[space.space] = space
            probability = None if space.probability is None else round(space.probability, 2)
            following = self._coming.next_start(space.space, now)
            facts = (space.state, space.since, probability, space.evidence, following, now // _REFRESH_MS)
            if self._said.get(space.space) != facts:
                self._said[space.space] = facts
                messages.append(self._room(space, following))
        return messages

    def _room(self, space: SpaceNow, next_start: int | None) -> Message:
        message = RoomState(
            epoch=self.epoch,
            revision=self._next(),
            space=space.space,
            state=space.state,
            since=space.since,
            at=space.at,
            probability=space.probability,
            evidence=space.evidence[:200],
            evidence_at=space.evidence_at,
            next_start=next_start,
        )
        return self._seal(Topic.state(self._site, space.space), message)

    def heard(self) -> list[Message]:
        """We hear the site from now on: who rules. The broker holds the rest of an epoch before, until the
        grants are composed and a room says something new.
        """
        self.listening, self._unannounced = True, False
        return [self._announcement()]

    def everything(self) -> list[Message]:
        """What the broker must hold after a connect: who rules, every agent's grants and timings, every room.

        A broker that crashed may have lost any of it, even what it had acknowledged."""
        self.listening, self._unannounced = True, False
        messages = [self._announcement()]
        for book in self._books.values():
            if book.published is not None:
                published = book.messages(book.published)
                messages += [(topic, payload, True) for topic, payload in published]
        messages += [self._timings_for(agent) for agent in sorted(self._timings.published)]
        return messages + self.all_rooms()

    def all_rooms(self) -> list[Message]:
        """Every room as it is."""
        now = self._world.now()
        return [self._room(room, self._coming.next_start(name, now)) for name, room in self._rooms.items()]
