"""Each code opens exactly in its windows at exactly its doors, seen from the agents' own code check."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from sqlalchemy import insert, select, update

from pleintemps_contract.offline import QUARTER_MS
from pleintemps_contract.wire import MAX_PAYLOAD
from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.access.on_door import codes_on_doors
from pleintemps_gateway.access.placing import place_rights
from pleintemps_gateway.access.salts import ensure_salt, forget_unused, in_use, new_salt
from pleintemps_gateway.access.service import CodeDesk, Issued, free_ended, free_right, place_right
from pleintemps_gateway.bookings.judging import START, settle_some
from pleintemps_gateway.bookings.service import cancel, create, move
from pleintemps_gateway.config import SiteConfig
from pleintemps_gateway.delivery.outbox import Outbox
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.keys import load_gateway_keys
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import open_engine, write_transaction
from pleintemps_gateway.store.schema import credentials, rights
from tests.support.laws import examples

from .house import HOUR, NOW, House, build
from .light_agent import Town

EDGE = 900_000
"""Lead and tail of the house."""
MINUTE = 60_000
DOORS = {"gate": "entrance", "hall": "entrance", "class": "upstairs"}
WAYS = {"hall": {"gate", "hall"}, "class": {"gate", "class"}}
PLANS = {
    "first": DOORS,
    "moved": DOORS | {"class": "entrance"},
    "gone": {"gate": "entrance", "hall": "entrance"},
}
"""Who holds each door: as the house was built; the class room wired to the other agent, or without a door."""
PARIS = ZoneInfo("Europe/Paris")


class Right(NamedTuple):
    """What a code may do: at these doors in these spans."""

    doors: frozenset[str]
    spans: tuple[tuple[int, int], ...]

    def opens(self, door: str, now: int) -> bool:
        return door in self.doors and any(start <= now < end for start, end in self.spans)


class Booked(NamedTuple):
    space: str
    start: int
    end: int
    codes: tuple[str, ...]

    def right(self, plan: str) -> Right:
        return Right(way(plan, self.space), ((self.start - EDGE, self.end + EDGE),))


def way(plan: str, space: str) -> frozenset[str]:
    """The doors from the street to ``space``: none where one is missing."""
    return frozenset(WAYS[space]) if PLANS[plan].keys() >= WAYS[space] else frozenset()


def as_planned(site: SiteConfig, plan: str) -> SiteConfig:
    doors = [replace(door, agent=PLANS[plan][door.door]) for door in site.doors if door.door in PLANS[plan]]
    return replace(site, doors=doors)


def morning_spans(now: int, days: list[str]) -> tuple[tuple[int, int], ...]:
    """From eight to noon on ``days``, worked out by hand, 45 days ahead."""
    today, spans = datetime.fromtimestamp(now / 1000, UTC).astimezone(PARIS).date(), []
    for offset in range(46):
        day = today + timedelta(days=offset)
        if day.strftime("%a").lower() in days:
            start, end = (datetime.combine(day, time(hour), tzinfo=PARIS).timestamp() for hour in (8, 12))
            spans.append((int(start * 1000), int(end * 1000)))
    return tuple(spans)


class Life(RuleBasedStateMachine):
    """Bookings, codes, rights and agents as they come; ``truth`` is what every code may do."""

    template: House
    made = Bundle("made")
    entitled = Bundle("entitled")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="pleintemps-life-")
        file = Path(self.folder.name) / "store.db"
        shutil.copy(str(self.template.engine.url.database), file)
        keys = Path(self.template.config.keys)
        sealing = load_gateway_keys(keys).sealing
        self.world = ManualWorld(NOW, 1)
        self.engine = open_engine(f"sqlite:///{file}")
        outbox = Outbox(self.template.config.delivery, sealing, self.world)
        self.desk = CodeDesk(sealing, self.world, outbox)
        self.site = self.template.site
        self.plan = "first"
        agents = [self.template.agent_keys(name) for name in ("entrance", "upstairs")]
        self.town = Town(self.site, self.engine, self.world, self.desk, load_signing(keys), agents)
        self.booked: dict[str, Booked] = {}
        self.weekly: dict[str, tuple[str, str, list[str]]] = {}
        self.one_time: dict[str, tuple[str, str, int]] = {}
        self.known: set[str] = set()
        self.silent: set[str] = set()  # under duress
        self.believed: dict[str, dict[str, Right]] = {name: {} for name in self.town.agents}

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    def truth(self) -> dict[str, Right]:
        found = {code: each.right(self.plan) for each in self.booked.values() for code in each.codes}
        for code, space, days in self.weekly.values():
            found[code] = Right(way(self.plan, space), morning_spans(self.world.now(), days))
        for code, space, began in self.one_time.values():
            found[code] = Right(way(self.plan, space), ((began, began + 15 * MINUTE),))
        return found

    def at(self, name: str) -> dict[str, Right]:
        """What of the truth the doors of one agent need."""
        own = {door for door, holder in PLANS[self.plan].items() if holder == name}
        truth = self.truth().items()
        return {code: right._replace(doors=right.doors & own) for code, right in truth if right.doors & own}

    def say(self, *issued: Issued | None) -> tuple[str, ...]:
        codes = tuple(each.code for each in issued if each is not None)
        assert len(codes) == len(issued) and not self.known & set(codes)
        self.known |= set(codes)
        return codes

    # --- what happens ---------------------------------------------------------------------------------

    @rule(
        target=made,
        space=st.sampled_from(["hall", "class"]),
        ahead=st.integers(-1, 60),
        minutes=st.integers(1, 3000),
    )
    def book(self, space: str, ahead: int, minutes: int) -> str:
        start = self.world.now() + ahead * 30 * MINUTE
        end = max(start + minutes * MINUTE, self.world.now() + MINUTE)
        with write_transaction(self.engine, ["ecole"]) as conn:
            new = create(conn, self.site, self.desk, space=space, start=start, end=end, title="x")
        self.booked[new.booking] = Booked(space, start, end, self.say(new.issued))
        return new.booking

    @rule(booking=made, ahead=st.integers(0, 60), minutes=st.integers(1, 3000))
    def move(self, booking: str, ahead: int, minutes: int) -> None:
        if booking not in self.booked:
            return
        start = self.world.now() + ahead * 30 * MINUTE
        end = start + minutes * MINUTE
        with write_transaction(self.engine, ["ecole"]) as conn:
            move(conn, self.site, self.desk, booking, start=start, end=end)
        self.booked[booking] = self.booked[booking]._replace(start=start, end=end)

    @rule(booking=made)
    def cancel(self, booking: str) -> None:
        if booking not in self.booked:
            return
        with write_transaction(self.engine, ["ecole"]) as conn:
            cancel(conn, self.site, self.desk, booking)
        del self.booked[booking]
        self.one_time.pop(booking, None)

    @rule(booking=made)
    def reissue(self, booking: str) -> None:
        if booking not in self.booked:
            return
        with write_transaction(self.engine, ["ecole"]) as conn:
            issued = self.desk.reissue_all(conn, self.site, booking)
        others = [code for code in self.booked[booking].codes if code in self.silent]
        assert len(issued) + len(others) == len(self.booked[booking].codes)
        self.booked[booking] = self.booked[booking]._replace(codes=(*self.say(*issued), *others))

    @rule(booking=made, duress=st.booleans())
    def one_more(self, booking: str, duress: bool) -> None:
        if booking not in self.booked:
            return
        with write_transaction(self.engine, ["ecole"]) as conn:
            issued = self.desk.issue(conn, self.site, booking, "extra", "choir", duress=duress)
        codes, new = self.booked[booking].codes, self.say(issued)
        self.silent |= set(new) if duress else set()
        self.booked[booking] = self.booked[booking]._replace(codes=(*codes, *new))

    @rule(booking=made)
    def help(self, booking: str) -> None:
        if booking not in self.booked:
            return
        now = self.world.now()
        with write_transaction(self.engine, ["ecole"]) as conn:
            (code,) = self.say(self.desk.one_time(conn, self.site, booking, now))
        self.one_time[booking] = (code, self.booked[booking].space, now)

    @rule(
        target=entitled,
        space=st.sampled_from(["hall", "class"]),
        days=st.lists(st.sampled_from(["mon", "wed", "sat"]), min_size=1, unique=True),
    )
    def entitle(self, space: str, days: list[str]) -> str:
        right, now = self.world.new_id(), self.world.now()
        values: dict[str, object] = {"person": "Zoé", "mail": "", "phone": "", "language": "fr"}
        values |= {"kind": "code"}
        values |= {"spaces": f'["{space}"]', "rule": rule_text(days), "extended": False}
        values |= {"valid_from": 0, "valid_until": now + 365 * 24 * HOUR, "updated": now}
        with write_transaction(self.engine, ["ecole"]) as conn:
            conn.execute(insert(rights).values(site="ecole", right=right, **values))
            (code,) = self.say(self.desk.issue_right(conn, self.site, right))
        self.weekly[right] = (code, space, days)
        return right

    @rule(right=entitled, days=st.lists(st.sampled_from(["tue", "sun"]), min_size=1, unique=True))
    def other_days(self, right: str, days: list[str]) -> None:
        if right not in self.weekly:
            return
        with write_transaction(self.engine, ["ecole"]) as conn:
            mine = rights.c.right == right
            conn.execute(update(rights).where(mine).values(rule=rule_text(days), updated=self.world.now()))
            place_right(conn, self.site, right, self.world.now())
        code, space, _ = self.weekly[right]
        self.weekly[right] = (code, space, days)

    @rule(right=entitled)
    def end_right(self, right: str) -> None:
        if right not in self.weekly:
            return
        with write_transaction(self.engine, ["ecole"]) as conn:
            now = self.world.now()
            conn.execute(update(rights).where(rights.c.right == right).values(ended=now))
            free_right(conn, self.site, right, now)
        del self.weekly[right]

    @rule(minutes=st.integers(1, 10_000))
    def time_passes(self, minutes: int) -> None:
        self.world.move(minutes * MINUTE)
        with write_transaction(self.engine, ["ecole"]) as conn:
            free_ended(conn, self.site, self.world.now())
            forget_unused(conn, self.site, self.world.now())
        now = self.world.now()
        self.booked = {name: each for name, each in self.booked.items() if each.end + EDGE > now}

    @rule(iterations=st.integers(1, 2))
    def another_salt(self, iterations: int) -> None:
        dearer = replace(self.site, codes=replace(self.site.codes, iterations=iterations))
        with write_transaction(self.engine, ["ecole"]) as conn:
            before = in_use(conn, "ecole")
            try:
                made = new_salt(conn, dearer, self.world)
            except SettingsError:
                assert len(before) == 2 and before[1].codes
            else:
                assert ensure_salt(conn, self.site, self.world) == made
                assert len(in_use(conn, "ecole")) <= 2

    @rule(plan=st.sampled_from(sorted(PLANS)))
    def rewired(self, plan: str) -> None:
        """The gateway starts anew, and finds other doors in its configuration."""
        self.plan, self.site = plan, as_planned(self.template.site, plan)
        self.town.start(self.site)
        with write_transaction(self.engine, ["ecole"]) as conn:
            after: tuple[int, str] | None = START
            while after is not None:
                after = settle_some(conn, self.site, self.desk, after, 40)
            assert place_rights(conn, self.site, self.world.now(), "", 1_000) is None

    @rule(name=st.sampled_from(["entrance", "upstairs"]))
    def replaced(self, name: str) -> None:
        self.town.replace(name)

    @rule(name=st.sampled_from(["entrance", "upstairs"]))
    def goes(self, name: str) -> None:
        self.town.away.add(name)

    @rule(name=st.sampled_from(["entrance", "upstairs"]))
    def comes(self, name: str) -> None:
        if name in self.town.away:
            self.town.back(name)

    # --- what holds -----------------------------------------------------------------------------------

    @invariant()
    def codes_open_what_they_should(self) -> None:
        self.town.publish()
        now = self.world.now()
        for name in self.town.agents.keys() - self.town.away:
            self.believed[name] = self.at(name)
        for name, agent in self.town.agents.items():
            for code in self.known:
                told = self.believed[name].get(code, Right(frozenset(), ()))
                for at in instants(told, now):
                    for door in DOORS:
                        opened = agent.refusal(door, code, at) is None
                        assert opened == told.opens(door, at), (name, door, at - now)
        assert self.town.largest <= MAX_PAYLOAD

    @invariant()
    def the_gateway_knows_what_is_on_the_door(self) -> None:
        now = self.world.now()
        with self.engine.connect() as conn:
            found = codes_on_doors(conn, self.site, list(self.booked), now)
        for name, reports in found.items():
            assert {report.door for report in reports} == way(self.plan, self.booked[name].space)
            for report in reports:
                holder = PLANS[self.plan][report.door]
                believed, wanted = self.believed[holder], self.at(holder)
                codes = self.booked[name].codes
                current = all(believed.get(code) == wanted[code] for code in codes)
                assert report.held == current, (report, now)

    @invariant()
    def nothing_gone_is_remembered(self) -> None:
        with self.engine.connect() as conn:
            query = select(credentials.c.grant).where(credentials.c.rests_until.is_(None))
            living = set(conn.execute(query).scalars())
        for book in self.town.speaker._books.values():
            assert set(book._lookups) <= living


def rule_text(days: list[str]) -> str:
    listed = ",".join(f'"{day}"' for day in days)
    return f'{{"days":[{listed}],"from":"08:00","to":"12:00"}}'


def instants(right: Right, now: int) -> Iterator[int]:
    """Moments from ``now`` on at which something could change, the last and first few of many."""
    spans = [span for span in right.spans if span[1] > now]
    for start, end in {*spans[:2], *spans[-2:]}:
        yield from (at for at in (start - 1, start, end - 1, end) if at >= now)
    yield from (now, now + 8 * HOUR)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("life")
    house = build(folder, f"sqlite:///{folder / 'store.db'}")
    with house.engine.connect() as conn:
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    house.engine.dispose()
    yield house


@pytest.mark.law
def test_every_code_opens_its_doors_in_its_windows_and_nothing_else(template: House) -> None:
    machine = type("LifeHere", (Life,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(examples(some=12, many=300), stateful_step_count=14),
    )


def test_offline_codes_open_their_quarter_hours_and_die_with_a_move(template: House, tmp_path: Path) -> None:
    keys = Path(template.config.keys)
    file = tmp_path / "store.db"
    shutil.copy(str(template.engine.url.database), file)
    engine = open_engine(f"sqlite:///{file}")
    world = ManualWorld(NOW, 3)
    sealing = load_gateway_keys(keys).sealing
    desk = CodeDesk(sealing, world, Outbox(template.config.delivery, sealing, world))
    agents = [template.agent_keys(name) for name in ("entrance", "upstairs")]
    town = Town(template.site, engine, world, desk, load_signing(keys), agents)
    entrance, upstairs = town.agents["entrance"], town.agents["upstairs"]
    start, end = NOW + HOUR + 7 * MINUTE, NOW + 3 * HOUR
    with write_transaction(engine, ["ecole"]) as conn:
        made = create(conn, template.site, desk, space="class", start=start, end=end, title="x")
        first = desk.offline(conn, template.site, made.booking)
        assert first is not None and desk.offline(conn, template.site, made.booking) is None
        row = conn.execute(select(credentials).where(credentials.c.grant == first.grant)).one()
    assert row.start == (start - EDGE) // QUARTER_MS * QUARTER_MS
    assert row.end == -(-(end + EDGE) // QUARTER_MS) * QUARTER_MS
    town.publish()

    def opens(code: str) -> dict[str, list[bool]]:
        times = (row.start - 1, row.start, row.end - 1, row.end)
        return {
            door: [town.agents[agent].opens_offline(door, code, at) for at in times]
            for door, agent in DOORS.items()
        }

    inside = [False, True, True, False]
    assert opens(first.code) == {"gate": inside, "hall": [False] * 4, "class": inside}
    with write_transaction(engine, ["ecole"]) as conn:
        again = desk.reissue(conn, template.site, made.booking)
        query = select(credentials).where(credentials.c.purpose == "offline", credentials.c.index == 1)
        assert conn.execute(query).one().rests_until is None
        assert again.code != first.code
    town.publish()
    assert opens(first.code) == {"gate": [False] * 4, "hall": [False] * 4, "class": [False] * 4}
    town.away.add("upstairs")
    before = upstairs.table.denied_offline
    with write_transaction(engine, ["ecole"]) as conn:
        move(conn, template.site, desk, made.booking, start=start + 6 * HOUR, end=end + 6 * HOUR)
        assert desk.offline(conn, template.site, made.booking) is None  # not two hours before
    town.publish()
    assert len(entrance.table.denied_offline) == 2 and upstairs.table.denied_offline == before
    world.move(6 * HOUR)
    with write_transaction(engine, ["ecole"]) as conn:
        moved = desk.offline(conn, template.site, made.booking)
    assert moved is not None
    assert upstairs.opens_offline("class", moved.code, start + 6 * HOUR)  # it needs to hear nothing for it
    town.back("upstairs")
    assert upstairs.opens_offline("class", moved.code, start + 6 * HOUR)
    engine.dispose()
