"""An agent's own code check behind a retained broker: what a door believes, with the real agent's tables."""

from collections.abc import Iterable

from sqlalchemy import Engine

from pleintemps_contract.agent_messages import ManifestResult, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.gateway_messages import GrantsManifest, GrantsPage
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.offline import KeySeal
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import open_gateway
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.grants import CARDS, TYPED, Assembler, GrantTable, page_digest
from pleintemps_edge.access.offline import Slices, find, prepare
from pleintemps_gateway.access.service import CodeDesk
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.ingest.agents import AgentBook
from pleintemps_gateway.ingest.memory import take_over
from pleintemps_gateway.ingest.pending import Pending
from pleintemps_gateway.ingest.speaker import Speaker
from pleintemps_gateway.signing import Signing
from pleintemps_gateway.store.changes import changes_since, last_change
from pleintemps_gateway.store.engine import write_transaction


class LightAgent:
    """Pages and manifests of one agent, opened with its keys. ``heard`` counts pages and manifests."""

    def __init__(self, keys: AgentKeys) -> None:
        self.keys = keys
        self.table = GrantTable()
        self.heard = {"page": 0, "manifest": 0}
        self._seal = KeySeal(keys.pepper, keys.site, keys.agent)
        self._assembler = Assembler({})
        self._hashes: dict[tuple[str, str], bytes] = {}
        self._slices: Slices = {}

    def hear(self, topic: Topic, payload: bytes) -> None:
        """A page or a manifest; anything that is not signed for this agent raises."""
        message = open_gateway(topic, payload, self.keys.trusted)
        if isinstance(message, GrantsPage):
            body = self.keys.trusted.open(str(topic), payload)
            assert page_digest(body) == topic.tail
            self.heard["page"] += 1
            self._assembler.add_page(topic.tail, body)
        elif isinstance(message, GrantsManifest):
            self.heard["manifest"] += 1
            self._assembler.wanted = message

    def apply(self) -> ManifestResult | None:
        """Take the manifest that came last, once its pages are there; the answer to it."""
        manifest = self._assembler.ready()
        if manifest is None:
            return None
        pages = self._assembler.complete(manifest)
        self.table = GrantTable.build(manifest, pages.values(), self._seal)
        self._slices = {}
        return ManifestResult(
            epoch=manifest.epoch, revision=manifest.revision, applied=True, grants=self.table.count
        )

    def refusal(self, door: str, code: str, now: int, *, card: bool = False) -> RefusalReason | None:
        """What the door answers to a typed code, or a card; None if it opens."""
        text = card_text(code) if card else code
        lookups = {}
        for parameters in self.table.hashes:
            key = (parameters.salt_id, text)
            if key not in self._hashes:
                self._hashes[key] = hash_code(text, parameters)
            lookups[parameters.salt_id] = lookup(self.keys.pepper, self._hashes[key])
        return self.table.judge(door, lookups, now, (), CARDS if card else TYPED).refusal

    def opens_offline(self, door: str, code: str, now: int) -> bool:
        """Whether the door, cut off for long, takes a computed code."""
        self._slices = prepare(self.table.offline, self._slices, now)
        found = find(self.table.offline, self._slices, self.keys.site, door, code, now)
        return any(match.id not in self.table.denied_offline for match in found)


class Town:
    """One site's real speaker over a store, a broker that retains, and agents that come and go."""

    def __init__(
        self,
        site: SiteConfig,
        engine: Engine,
        world: ManualWorld,
        desk: CodeDesk,
        signing: Signing,
        keys: Iterable[AgentKeys],
    ) -> None:
        self.site, self.engine, self.world, self.desk = site, engine, world, desk
        self._signing = signing
        self.agents = {each.agent: LightAgent(each) for each in keys}
        self.away: set[str] = set()
        self.retained: dict[str, bytes] = {}
        self.largest = 0
        self._book = AgentBook(site.site)
        self.start(site)

    def start(self, site: SiteConfig) -> None:
        """A gateway begins, perhaps after another one, with the site as it is configured now."""
        self.site = site
        peppers = {name: agent.keys.pepper for name, agent in self.agents.items()}
        epoch = take_over(self.engine, site.site, self.world)
        self.speaker = Speaker(site, self.world, self._signing, self.desk.vault, peppers, epoch)
        with write_transaction(self.engine, [site.site]) as conn:
            self._followed = last_change(conn, site.site)
            self.speaker.reload(conn, (), ())
        self.publish()

    def replace(self, name: str) -> None:
        """Another machine with the agent's keys, and nothing else of it, is born."""
        self.agents[name] = LightAgent(self.agents[name].keys)
        with write_transaction(self.engine, [self.site.site]) as conn:
            pending, row = Pending(), self._book.row(name)
            row |= {"presence": "online", "grants_epoch": None, "grants_revision": None}
            self.speaker.born(name, None, row, pending)
            self._book.write(name, pending)
            self.away.discard(name)
            self._spread(pending)
            pending.write(conn, self.site.site, self.world.now())
        self._answer(name)

    def publish(self) -> None:
        """Say what has changed; those who are there take it and answer."""
        with write_transaction(self.engine, [self.site.site]) as conn:
            for _, key in changes_since(conn, self.site.site, self._followed, ["grants"]):
                self.speaker.grants_changed(key.partition("/")[0])
            self._followed = last_change(conn, self.site.site)
            pending = Pending()
            self.speaker.flush(conn, self._book, pending, self.world.now())
            self._spread(pending)
            pending.write(conn, self.site.site, self.world.now())
        for name in sorted(self.agents.keys() - self.away):
            self._answer(name)

    def back(self, name: str) -> None:
        """An agent is there again: the broker gives it what it retains."""
        self.away.discard(name)
        for topic in sorted(self.retained, reverse=True):  # its manifest may come before the pages
            self._tell(name, topic, self.retained[topic])
        self._answer(name)

    def _spread(self, pending: Pending) -> None:
        for topic, payload, retained in pending.messages:
            self.largest = max(self.largest, len(payload))
            if not payload:
                self.retained.pop(topic, None)
            elif retained:
                self.retained[topic] = payload
            for name in self.agents.keys() - self.away:
                if payload:
                    self._tell(name, topic, payload)

    def _tell(self, name: str, text: str, payload: bytes) -> None:
        topic = Topic.parse(text)
        if topic.agent == name and topic.channel in (Channel.PAGE, Channel.MANIFEST):
            self.agents[name].hear(topic, payload)

    def _answer(self, name: str) -> None:
        result = self.agents[name].apply()
        if result is None:
            return
        with write_transaction(self.engine, [self.site.site]) as conn:
            pending, row = Pending(), self._book.row(name)
            row["presence"] = "online"
            assert not self.speaker.answered(conn, name, result, row, pending)
            self._book.write(name, pending)
            self._spread(pending)
            pending.write(conn, self.site.site, self.world.now())
