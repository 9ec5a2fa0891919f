"""From the store to the pages and the manifest that one agent gets."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from msgspec.structs import replace
from sqlalchemy import Connection, Row, select

from pleintemps_contract.credentials import lookup
from pleintemps_contract.envelope import Signer
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    Schedule,
    Window,
)
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import encode, seal_gateway
from pleintemps_gateway.access.offline_plan import Plan
from pleintemps_gateway.access.right_rule import schedule_name, windows_of_right
from pleintemps_gateway.access.vault import Vault
from pleintemps_gateway.access.weeks import IsClosed
from pleintemps_gateway.bookings.calendars import calendar_of
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.errors import StoreError
from pleintemps_gateway.store.schema import credentials, grants, rights

from .denied import Denied, denied_of
from .free_openings import OpeningBook
from .offline_keys import OFFLINE_WEIGHT, Keys, OfflineBook
from .shelf import Shelf

PageKey = tuple[str, int]
"""Kind of what a page holds, and its number."""
MAX_PAGES: Final = 512
"""The wire's limit: some 30,000 grants of one agent."""
_SCHEDULE_WEIGHT: Final = 100
_WINDOW_WEIGHT: Final = 46


class Content(NamedTuple):
    """What stands on a page; ``offline`` is sealed when it is sent, and ``page`` is without it."""

    page: GrantsPage
    offline: tuple[Keys, ...] = ()


class Page(NamedTuple):
    """``content`` has the epoch and revision in which it was made; ``header`` is the first line of its
    envelope."""

    content: Content
    digest: str
    header: bytes


class Published(NamedTuple):
    """What an agent should hold: sealed messages, ready to be sent again at every connect."""

    epoch: int
    revision: int
    hashes: list[HashSet]
    pages: dict[PageKey, Page]
    denied: Denied
    manifest: bytes

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(page.digest for page in self.pages.values())

    def says(self, other: "Published | None") -> bool:
        """Whether ``other`` says the same in an earlier revision."""
        return other is not None and self._said == other._said

    @property
    def _said(self) -> tuple[object, ...]:
        return self.hashes, self.digests, self.denied


class GrantBook:
    """Composes one agent's grants; keeps look-ups, so that a change costs one page."""

    def __init__(
        self, site: SiteConfig, agent: str, pepper: bytes, vault: Vault, signer: Signer, plan: Plan
    ) -> None:
        """``plan`` is that of the site's offline codes."""
        self._site = site.site
        self._config = site
        self._agent = agent
        self._pepper = pepper
        self._vault = vault
        self._signer = signer
        self._lookups: dict[str, str] = {}
        self._shelves = {"schedules": Shelf(), "offline": Shelf()}
        self._openings = OpeningBook(site, agent)
        self._offline = OfflineBook(site, agent, pepper, vault, plan)
        self._made: dict[str, bytes] = {}  # bodies of pages that are about to be sent
        self.published: Published | None = None

    def sign_with(self, signer: Signer) -> None:
        """Forget what another key has signed; to be composed anew."""
        self._signer = signer
        self.published = None

    def forget(self) -> None:
        """The store is read anew: what was made and not committed is gone."""
        self._lookups.clear()
        self._offline.forget()

    def compose(
        self,
        conn: Connection,
        hashes: list[HashSet],
        epoch: int,
        revision: int,
        now: int,
        is_closed: IsClosed,
    ) -> Published:
        """The complete set as stored, as revision ``revision``; pages that did not change stay. ``hashes``
        are the sets under which codes live.

        Raises StoreError if the store was sealed with another key, ValueError if a page is too large or there
        are too many.
        """
        self._made.clear()
        empty = GrantsPage(epoch=epoch, revision=revision, grants=[])
        wanted = self._wanted(conn, empty, now, is_closed)
        denied = denied_of(conn, self._site, self._offline.spaces, now)
        for number, more in enumerate(denied.on_pages()):
            lists = {"denied_offline": list(more.offline), "denied_tokens": list(more.tokens)}
            wanted["denied", number] = Content(replace(empty, **lists))
        if len(wanted) > MAX_PAGES:
            raise ValueError(f"{len(wanted)} pages, {MAX_PAGES} allowed: too many grants for one agent")
        old = {} if self.published is None else self.published.pages
        pages = {key: self._page(page, old.get(key)) for key, page in wanted.items()}
        first = denied.in_manifest
        manifest = GrantsManifest(
            epoch=epoch,
            revision=revision,
            hashes=hashes,
            pages=[page.digest for page in pages.values()],
            denied_offline=list(first.offline),
            denied_tokens=list(first.tokens),
        )
        topic = Topic.of_agent(self._site, self._agent, Channel.MANIFEST)
        return Published(epoch, revision, hashes, pages, denied, seal_gateway(topic, manifest, self._signer))

    def messages(self, published: Published, held: frozenset[str] = frozenset()) -> list[tuple[str, bytes]]:
        """(topic, payload) in the order of sending: pages that are not ``held``, then the manifest."""
        made, self._made = self._made, {}
        pages = [
            (str(self._topic(page.digest)), page.header + (made.get(page.digest) or self._body(page.content)))
            for page in published.pages.values()
            if page.digest not in held
        ]
        manifest = Topic.of_agent(self._site, self._agent, Channel.MANIFEST)
        return [*pages, (str(manifest), published.manifest)]

    def _topic(self, digest: str) -> Topic:
        return Topic.of_agent(self._site, self._agent, Channel.PAGE, digest)

    def _body(self, content: Content) -> bytes:
        return encode(self._whole(content))

    def _whole(self, content: Content) -> GrantsPage:
        page, offline = content
        return replace(page, offline=self._offline.sealed(offline)) if offline else page

    def _page(self, wanted: Content, old: Page | None) -> Page:
        if old is not None:
            born = (old.content.page.epoch, old.content.page.revision)
            page = replace(wanted.page, epoch=born[0], revision=born[1])
            if wanted._replace(page=page) == old.content:
                return old
        whole = self._whole(wanted)
        body = encode(whole)
        digest = hashlib.sha256(body).hexdigest()
        self._made[digest] = body
        header, line_feed, _ = seal_gateway(self._topic(digest), whole, self._signer).partition(b"\n")
        return Page(wanted, digest, header + line_feed)

    def _wanted(
        self, conn: Connection, empty: GrantsPage, now: int, is_closed: IsClosed
    ) -> dict[PageKey, Content]:
        rows = self._rows(conn)
        schedules = {**self._openings.schedules(now, is_closed), **self._schedules(conn, rows, now)}
        numbered: dict[int, list[Grant]] = {}
        for row in rows:
            numbered.setdefault(int(row.page), []).append(self._grant(row))
        pages: dict[PageKey, Content] = {
            ("grants", number): Content(replace(empty, grants=found)) for number, found in numbered.items()
        }
        weights = {name: _weight(schedule) for name, schedule in schedules.items()}
        for number, names in self._shelves["schedules"].arrange(weights).items():
            found = [schedules[name] for name in names]
            pages["schedules", number] = Content(replace(empty, schedules=found))
        for number, openings in enumerate(self._openings.pages):
            pages["openings", number] = Content(replace(empty, free_openings=openings))
        offline = self._offline.keys(conn, now)
        sealed = {space: OFFLINE_WEIGHT + 43 * len(keys.doors) for space, keys in offline.items()}
        for number, names in self._shelves["offline"].arrange(sealed).items():
            pages["offline", number] = Content(empty, tuple(offline[name] for name in names))
        return pages

    def _rows(self, conn: Connection) -> list[Row[Any]]:
        query = (
            select(
                grants,
                credentials.c.kind,
                credentials.c.salt_id,
                credentials.c.sealed_hash,
                credentials.c.right,
                credentials.c.once,
                credentials.c.duress,
                credentials.c.extended,
            )
            .join(
                credentials,
                (credentials.c.site == grants.c.site) & (credentials.c.grant == grants.c.grant),
            )
            .where(grants.c.site == self._site, grants.c.agent == self._agent)
            .order_by(grants.c.page, grants.c.grant)
        )
        rows = list(conn.execute(query).all())
        names = {str(row.grant) for row in rows}
        self._lookups = {name: known for name, known in self._lookups.items() if name in names}
        return rows

    def _schedules(self, conn: Connection, rows: list[Row[Any]], now: int) -> Mapping[str, Schedule]:
        wanted = {row.right for row in rows if row.schedule is not None}
        if not wanted:
            return {}
        mine = (rights.c.site == self._site) & rights.c.right.in_(sorted(wanted))
        found: dict[str, Schedule] = {}
        calendar = calendar_of(self._config)
        for right in conn.execute(select(rights).where(mine)):
            name = schedule_name(right)
            if name not in found:
                found[name] = Schedule(schedule=name, windows=windows_of_right(right, calendar, now))
        return found

    def _grant(self, row: Row[Any]) -> Grant:
        name = str(row.grant)
        if name not in self._lookups:
            try:
                code_hash = self._vault.open_hash(self._site, name, row.sealed_hash)
            except InvalidTag as error:
                raise StoreError("codes cannot be unsealed: sealing.key is not that of this store") from error
            self._lookups[name] = lookup(self._pepper, code_hash)
        return Grant(
            id=name,
            kind=CredentialKind(row.kind),
            salt_id=row.salt_id,
            lookup=self._lookups[name],
            doors=msgspec.json.decode(row.doors, type=list[str]),
            windows=[] if row.schedule is not None else _windows(row),
            schedules=[] if row.schedule is None else [row.schedule],
            once=row.once,
            duress=row.duress,
            extended=row.extended,
        )


def _windows(row: Row[Any]) -> list[Window]:
    if row.windows is None:
        return [Window(start=row.start, end=row.end)]
    pairs = msgspec.json.decode(row.windows, type=list[tuple[int, int]])
    return [Window(start=start, end=end) for start, end in pairs]


def _weight(schedule: Schedule) -> int:
    return _SCHEDULE_WEIGHT + _WINDOW_WEIGHT * len(schedule.windows)
