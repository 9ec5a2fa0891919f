"""Thirty days without network: the desk of an agent against an oracle that is written differently.

The town below is the truth. The agent is told of it as a gateway would (pages, schedules, sealed keys); the
oracle asks it by the minute and by the day of the week. Time is virtual; desk, throttle, tables and offline
codes are the real ones. Only argon2id is cheap: its cost is a parameter of the manifest.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
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
from pleintemps_edge.access import desk as desk_module
from pleintemps_edge.access import windows as windows_module
from pleintemps_edge.access.desk import Desk
from pleintemps_edge.access.dialogue import Entered
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.access.used import UsedOnce
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


# --- the oracle ---------------------------------------------------------------------------------------


class Oracle:
    """Says what ought to happen, from the town itself. ``now`` is in ms since the start."""

    def __init__(self, town: Town) -> None:
        self.by_secret: dict[tuple[bool, str], list[Right]] = {}
        for right in town.rights:
            self.by_secret.setdefault((right.card, right.secret), []).append(right)
        self.told: dict[str, list[Telephoned]] = {}
        for told in town.told:
            self.told.setdefault(told.secret, []).append(told)
        self.spent: set[tuple[str, int]] = set()
        self.mistakes: Counter[str] = Counter()
        self.shut_until: dict[str, int] = {}
        self.heard_at = 0

    def restart(self, now: int) -> None:
        self.heard_at = now
        for door in DOORS:
            self.shut_until[door] = now + self._penalty(self.mistakes[door])

    @staticmethod
    def _penalty(mistakes: int) -> int:
        return [0, 0, 0, 0, 0, 30_000, 60_000, 120_000, 240_000, 300_000][min(mistakes, 9)]

    @staticmethod
    def _is_on(right: Right, now: int) -> bool:
        minute = now // MINUTE
        if any(minute in range(first, after) for first, after in right.visits):
            return True
        clock = MIDNIGHT + timedelta(minutes=minute)
        of_day = clock.hour * 60 + clock.minute
        return any(
            clock.weekday() == course.weekday and 0 <= of_day - course.minute < course.length
            for course in right.courses
        )

    def says(self, door: str, secret: str, card: bool, now: int) -> str:
        if not card and now < self.shut_until.get(door, 0):
            return "wait"
        dark = 11 * DAY <= now < 11 * DAY + 5 * HOUR
        rights = self.by_secret.get((card, secret), [])
        good = [
            right
            for right in rights
            if door in right.doors
            and (right.card and right.staff if dark else self._is_on(right, now))
            and (door, right.number) not in self.spent
        ]
        if good:
            if all(right.once for right in good):
                self.spent.add((door, good[0].number))
            if not card:
                self.mistakes[door] = 0
                self.shut_until[door] = 0
            return "open, under duress" if any(right.duress for right in good) else "open"
        if card or rights:
            return "no"
        return self._telephoned(door, secret, now, dark)

    def _telephoned(self, door: str, secret: str, now: int, dark: bool) -> str:
        if not dark:
            for told in self.told.get(secret, []):
                if door in SPACES[told.space][0] and now // MINUTE in range(told.first, told.after):
                    if told.denied or now - self.heard_at < 15 * MINUTE:
                        return "no"  # a code that exists is no guess
                    self.mistakes[door] = 0
                    self.shut_until[door] = 0
                    return "open"
        self.mistakes[door] += 1
        self.shut_until[door] = now + self._penalty(self.mistakes[door])
        return "no"


# --- the month ----------------------------------------------------------------------------------------


def attempts_of(
    town: Town, chance: random.Random, count: int, offline: float
) -> list[tuple[int, str, str, bool]]:
    """``count`` times, doors, what is typed or read, and whether it is a card; in the order of time.

    ``offline`` is the share of computed codes.
    """
    planned: list[tuple[int, str, str, bool]] = []
    typists = [right for right in town.rights if right.visits and not right.card]

    def plan(now: int, door: str, secret: str, card: bool = False) -> None:
        if 0 <= now < MONTH:
            planned.append((now, door, secret, card))

    while len(planned) < count:
        kind = chance.random()
        if kind < 0.94 - offline:
            right = chance.choice(town.rights)
            times = list(right.visits)
            for course in right.courses:
                day = chance.randrange(5) * 7 + (course.weekday - MIDNIGHT.weekday()) % 7
                minute = day * 1_440 + course.minute
                times.append((minute, minute + course.length))
            now = _moment(chance, *chance.choice(times))
            door = chance.choice(right.doors if chance.random() < 0.93 else DOORS)
            plan(now, door, right.secret, right.card)
            if right.once and chance.random() < 0.8:
                plan(now + chance.choice([0, 1, 400, DAY]), door, right.secret, right.card)
        elif kind < 0.94:
            told = chance.choice(town.told)
            doors = SPACES[told.space][0] if chance.random() < 0.9 else DOORS
            now = _moment(chance, told.first, told.after)
            for restart in RESTARTS:
                if restart // MINUTE in range(told.first, told.after) and chance.random() < 0.7:
                    now = restart + chance.randrange(30 * MINUTE)
            plan(now, chance.choice(doors), told.secret)
        elif kind < 0.985:
            digits = chance.choice([4, 8, 8, 8, 11, 12] if offline else [4, 8])
            guess = f"{chance.randrange(10**digits):0{digits}}"
            plan(chance.randrange(MONTH), chance.choice(DOORS), guess)
        else:  # somebody guesses, and somebody else wants in
            right = chance.choice(typists)
            door = chance.choice(right.doors)
            now = _moment(chance, *chance.choice(right.visits))
            for _ in range(chance.randint(6, 20)):
                now += chance.choice([0, 1_500, 3_000, 29_999, 30_000, 60_000, 300_000])
                guess = f"{chance.randrange(10**8):08}"
                plan(now, door, right.secret if chance.random() < 0.12 else guess)
    return sorted(planned[:count])


def _moment(chance: random.Random, first: int, after: int) -> int:
    """Within, at, just before or some time around a visit from minute ``first`` to ``after``."""
    if chance.random() < 0.45:
        return chance.randrange(first * MINUTE, after * MINUTE)
    edge = chance.choice([first, after]) * MINUTE
    return edge + chance.choice([0, -1, 1, 0, -1, chance.randint(-MINUTE, MINUTE), chance.randint(-DAY, DAY)])


@dataclass
class Month:
    attempts: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    false_grants: int = 0
    false_refusals: int = 0
    other_differences: int = 0

    @property
    def differences(self) -> int:
        return self.false_grants + self.false_refusals + self.other_differences

    def compare(self, expected: str, found: str) -> None:
        self.attempts += 1
        self.outcomes[found] += 1
        if expected == found:
            return
        if found.startswith("open") and not expected.startswith("open"):
            self.false_grants += 1
        elif expected.startswith("open") and not found.startswith("open"):
            self.false_refusals += 1
        else:
            self.other_differences += 1


async def live_a_month(people: int, count: int, seed: int, offline: float) -> tuple[Month, Alone]:
    chance = random.Random(seed)
    town = found_town(chance, people)
    agent, oracle, month = Alone(town), Oracle(town), Month()
    restarts = list(RESTARTS)
    for now, door, secret, card in attempts_of(town, chance, count, offline):
        while restarts and now >= restarts[0]:
            agent.world.move(restarts[0] - agent.world.monotonic())
            agent.restart()
            oracle.restart(restarts.pop(0))
        agent.world.move(now - agent.world.monotonic())
        month.compare(oracle.says(door, secret, card, now), await agent.attempt(door, secret, card))
    agent.desk.close()
    return month, agent


def tell(month: Month, agent: Alone) -> str:
    refused = ", ".join(f"{count} {reason.value}" for reason, count in agent.disk.refused.most_common())
    offline = sum(accepted.offline for accepted in agent.opened)
    return (
        f"{agent.desk.table.count} grants, {month.attempts} attempts: {dict(month.outcomes)}, "
        f"{offline} by offline code; refusals recorded: {refused}; "
        f"{month.false_grants} false grants, {month.false_refusals} false refusals, "
        f"{month.other_differences} other differences"
    )


def check(people: int, count: int, seed: int) -> None:
    month, agent = asyncio.run(live_a_month(people, count, seed, offline=0.08))
    print(tell(month, agent))
    assert month.attempts == count
    assert month.differences == 0
    assert agent.desk.table.count == people
    # every way in and every reason not to be let in was met
    assert {"open", "open, under duress", "wait", "no"} == month.outcomes.keys()
    assert sum(accepted.offline for accepted in agent.opened) > count // 100
    met = {
        RefusalReason.UNKNOWN,
        RefusalReason.NOT_YET,
        RefusalReason.EXPIRED,
        RefusalReason.WRONG_DOOR,
        RefusalReason.THROTTLED,
        RefusalReason.NO_TRUSTED_TIME,
        RefusalReason.USED,
        RefusalReason.DENIED,
    }
    assert met <= agent.disk.refused.keys()
    assert month.outcomes["open"] > month.attempts // 4


def test_a_month_alone_opens_and_refuses_rightly() -> None:
    check(people=10_000, count=5_000, seed=5)


@pytest.mark.soak
def test_a_month_alone_with_100_000_attempts() -> None:
    check(people=10_000, count=100_000, seed=6)


# --- would the oracle notice? -------------------------------------------------------------------------

Patch = Callable[[pytest.MonkeyPatch], None]
WRONG_RULES: dict[str, tuple[str, Patch]] = {
    "the end counts as inside": (
        "false_grants",
        lambda patch: patch.setattr(windows_module, "contains", lambda span, now: span[0] <= now <= span[1]),
    ),
    "the start counts as outside": (
        "false_refusals",
        lambda patch: patch.setattr(windows_module, "contains", lambda span, now: span[0] < now < span[1]),
    ),
    "one-time grants open for ever": (
        "false_grants",
        lambda patch: patch.setattr(UsedOnce, "at", lambda self, door: ()),
    ),
    "known codes count as guesses": (
        "false_refusals",
        lambda patch: patch.setattr(desk_module, "give_back", lambda throttle, before, counted: throttle),
    ),
    "nobody ever waits": (
        "false_grants",
        lambda patch: patch.setattr(desk_module, "attempt", lambda throttle, now: (throttle, True)),
    ),
    "offline codes count at once": (
        "false_grants",
        lambda patch: patch.setattr(desk_module, "ALONE_MS", 0),
    ),
    "denied offline codes open": (
        "false_grants",
        lambda patch: patch.setattr(sys.modules[__name__], "denied_of", lambda town: []),
    ),
}


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_wrong_rule_is_found(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, patch = WRONG_RULES[rule]
    patch(monkeypatch)
    people, count, share = (600, 250, 0.8) if "offline" in rule else (200, 2_000, 0.0)
    month, _ = asyncio.run(live_a_month(people, count, seed=7, offline=share))
    assert getattr(month, kind) > 0
