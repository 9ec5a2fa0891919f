"""A town of rights, courses and telephoned codes, and an agent that was told of it once and never again."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract.agent_messages import AccessRefused, Event, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsManifest,
    GrantsPage,
    HashSet,
    OfflineKeys,
    Schedule,
    Window,
)
from pleintemps_contract.keyfiles import AgentKeys
from pleintemps_contract.offline import DayCodes, KeySeal, OfflineWindow, code_id, daily_key
from pleintemps_contract.wire import encode
from pleintemps_contract.world import ManualWorld
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.door import CodeAccepted
from pleintemps_edge.drivers.base import Feedback

MIDNIGHT = datetime(2026, 3, 16, tzinfo=UTC)
START = int(MIDNIGHT.timestamp() * 1000)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MONTH = 30 * DAY
DOORS = [f"door-{number}" for number in range(12)]
SPACES = {"hall": (["door-0", "door-1"], 11), "gym": (["door-1"], 11), "attic": (["door-2"], 12)}
PEPPER = b"p" * 32
PUBLIC = Ed25519PrivateKey.from_private_bytes(b"g" * 32).public_key()
KEYS = AgentKeys("saint-aubin", "entrance", "demo", PEPPER, TrustedKeys([PUBLIC]))
HASHES = HashSet(salt_id="s1", salt="ab" * 16, memory_kib=8, iterations=1, lanes=1)
DARK = range(11 * DAY, 11 * DAY + 5 * HOUR)
"""Without trusted time, in ms since the start."""
RESTARTS = (4 * DAY + 1_234, 11 * DAY + HOUR, 19 * DAY, 26 * DAY + 7 * HOUR)


# --- the town -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """Every week on ``weekday`` (0 is Monday) from ``minute`` of the day, for ``length`` minutes, until
    midnight at most.
    """

    weekday: int
    minute: int
    length: int


@dataclass(frozen=True)
class Right:
    """What somebody was promised. ``visits`` are minutes since the start: first, and the first one after."""

    number: int
    secret: str
    card: bool
    staff: bool
    doors: tuple[str, ...]
    visits: tuple[tuple[int, int], ...]
    courses: tuple[Course, ...]
    once: bool
    duress: bool

    @property
    def id(self) -> str:
        return f"{self.number:032x}"


@dataclass(frozen=True)
class Telephoned:
    """An offline code that was told to somebody, in minutes since the start."""

    secret: str
    space: str
    first: int
    after: int
    denied: bool


@dataclass(frozen=True)
class Town:
    rights: list[Right]
    courses: list[Course]
    told: list[Telephoned]


def found_town(chance: random.Random, people: int) -> Town:
    courses = [
        Course(chance.randrange(7), minute := chance.randrange(0, 1_400), chance.randint(1, 1_440 - minute))
        for _ in range(40)
    ]
    rights: list[Right] = []
    secrets = chance.sample(range(10**8), people)
    for number, digits in enumerate(secrets):
        shared = rights[chance.randrange(number)] if number and chance.random() < 0.06 else None
        card = shared.card if shared else chance.random() < 0.1
        secret = f"w26:{digits % 256}:{digits}" if card else f"{digits:08}"
        weekly = chance.random() < 0.2
        visits = []
        for _ in range(0 if weekly and chance.random() < 0.7 else chance.choice([1, 1, 1, 2, 5])):
            first = chance.randrange(-2 * 1_440, 31 * 1_440)
            visits.append((first, first + chance.choice([1, 15, 90, 120, 600, 3_000])))
        rights.append(
            Right(
                number=number,
                secret=shared.secret if shared else secret,
                card=card,
                staff=chance.random() < 0.03,
                doors=tuple(chance.sample(DOORS, chance.choice([1, 1, 2, 3]))),
                visits=tuple(visits),
                courses=tuple(chance.sample(courses, 2)) if weekly or not visits else (),
                once=chance.random() < 0.1,
                duress=chance.random() < 0.02,
            )
        )
    told = [_telephone(chance) for _ in range(people // 20)]
    return Town(rights, courses, list({each.secret: each for each in told}.values()))


def _secret_of(space: str) -> bytes:
    return f"secret of {space}".encode()


def _telephone(chance: random.Random) -> Telephoned:
    space = chance.choice(sorted(SPACES))
    # some of them just when the agent restarts and does not yet know that it is alone
    near = chance.choice(RESTARTS) // (15 * MINUTE)
    first = near if chance.random() < 0.1 else chance.randrange(30 * 96)
    length = chance.choice([1, 4, 8, 48])
    start = START // (15 * MINUTE) + first
    window, index = OfflineWindow(start, start + length), chance.randrange(4)
    codes = DayCodes(daily_key(_secret_of(space), window.day), SPACES[space][1])
    denied = chance.random() < 0.1
    return Telephoned(codes.code(window, index), space, first * 15, (first + length) * 15, denied)


# --- what the agent is told ---------------------------------------------------------------------------


def _window(first: int, after: int) -> Window:
    return Window(start=START + first * MINUTE, end=START + after * MINUTE)


def _weeks(course: Course) -> list[Window]:
    days = range((course.weekday - MIDNIGHT.weekday()) % 7 - 7, 45, 7)
    minutes = [day * 1_440 + course.minute for day in days]
    return [_window(minute, minute + course.length) for minute in minutes]


def pages_of(town: Town) -> list[bytes]:
    names = {id(course): f"course-{number}" for number, course in enumerate(town.courses)}
    hashes: dict[str, str] = {}

    def found_by(right: Right) -> str:
        text = card_text(right.secret) if right.card else right.secret
        if text not in hashes:
            hashes[text] = lookup(PEPPER, hash_code(text, HASHES))
        return hashes[text]

    kinds = {
        (False, False): CredentialKind.CODE,
        (False, True): CredentialKind.STAFF_CODE,
        (True, False): CredentialKind.CARD,
        (True, True): CredentialKind.STAFF_CARD,
    }
    grants = [
        Grant(
            id=right.id,
            kind=kinds[right.card, right.staff],
            salt_id=HASHES.salt_id,
            lookup=found_by(right),
            doors=list(right.doors),
            windows=[_window(first, after) for first, after in right.visits],
            schedules=[names[id(course)] for course in right.courses],
            once=right.once,
            duress=right.duress,
        )
        for right in town.rights
    ]
    schedules = [
        Schedule(schedule=f"course-{number}", windows=_weeks(course))
        for number, course in enumerate(town.courses)
    ]
    seal = KeySeal(PEPPER, KEYS.site, KEYS.agent)
    today = START // DAY
    offline = []
    for space, (doors, digits) in SPACES.items():
        keys = [daily_key(_secret_of(space), today - 1 + day) for day in range(46)]
        sealed = seal.seal(space, today - 1, keys)
        offline.append(
            OfflineKeys(space=space, doors=doors, digits=digits, first_day=today - 1, sealed=sealed)
        )
    parts = [grants[at : at + 200] for at in range(0, len(grants), 200)]
    bodies = [encode(GrantsPage(epoch=1, revision=1, grants=part)) for part in parts]
    last = GrantsPage(epoch=1, revision=1, grants=[], schedules=schedules, offline=offline)
    return [*bodies, encode(last)]


def denied_of(town: Town) -> list[str]:
    names = []
    for told in town.told:
        start = START // (15 * MINUTE) + told.first // 15
        window = OfflineWindow(start, start + (told.after - told.first) // 15)
        codes = DayCodes(daily_key(_secret_of(told.space), window.day), SPACES[told.space][1])
        index = next(index for index in range(4) if codes.code(window, index) == told.secret)
        if told.denied:
            names.append(code_id(KEYS.site, told.space, window, index))
    return names[:256]


# --- the agent ----------------------------------------------------------------------------------------


@dataclass
class Disk:
    """What survives a restart; of the records only how many there were."""

    kept: dict[str, bytes] = field(default_factory=dict)
    refused: Counter[RefusalReason] = field(default_factory=Counter)

    def append(
        self, events: Sequence[Event], state: Mapping[str, bytes] | None = None
    ) -> "asyncio.Future[int]":
        self.kept |= state or {}
        for event in events:
            if isinstance(event, AccessRefused):
                self.refused[event.reason] += event.count
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done

    def state(self, key: str) -> bytes | None:
        return self.kept.get(key)


class Alone:
    """An agent's desk that hears nothing from outside."""

    def __init__(self, town: Town) -> None:
        self.world = ManualWorld(START)
        self.disk = Disk()
        self.bodies = pages_of(town)
        digests = [page_digest(body) for body in self.bodies]
        self.manifest = GrantsManifest(
            epoch=1, revision=1, hashes=[HASHES], pages=digests, denied_offline=denied_of(town)
        )
        self.opened: list[CodeAccepted] = []
        self.shown: Feedback | None = None
        self.desk = self._start()

    def _start(self) -> Desk:
        desk = Desk(
            DOORS,
            keys=KEYS,
            trusted=lambda: KEYS.trusted,
            world=self.world,
            journal=self.disk,
            trusted_now=lambda: None if self.world.monotonic() in DARK else self.world.now(),
            open_door=self._open,
            show=self._show,
        )
        desk.table = desk.build(self.manifest, self.bodies)
        return desk

    def restart(self) -> None:
        self.desk.close()
        self.desk = self._start()

    def _open(self, door: str, accepted: CodeAccepted, keep: Mapping[str, bytes]) -> None:
        self.disk.append([], keep)
        self.opened.append(accepted)

    def _show(self, reader: str, feedback: Feedback) -> None:
        self.shown = feedback

    async def attempt(self, door: str, secret: str, card: bool) -> str:
        """``open``, ``open, under duress``, ``wait`` or ``no``."""
        if card:
            opened = await self.desk.card(door, secret, "reader")
        else:
            opened = await self.desk.enter(door, Entered(secret), "reader")
        if opened:
            return "open, under duress" if self.opened[-1].duress else "open"
        return "wait" if self.shown is Feedback.WAIT else "no"
