"""A light agent's words: all of the contract, believing only what is signed, answering what it must."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from pleintemps_contract import agent_messages as a
from pleintemps_contract import gateway_messages as g
from pleintemps_contract.envelope import Signer
from pleintemps_contract.onvif import DoorAction, DoorMode
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import MAX_PAYLOAD, encode
from pleintemps_firmware_sim.fleet.days import DAY_MS, steps
from pleintemps_firmware_sim.fleet.plan import MOST_PER_AGENT

from .place import NOON, SIGNER, Bench, batches, decoded, events, responses

GRANT = "a" * 32
BOOKED = g.Window(start=NOON - 1000, end=NOON + 3_600_000)


def page(door: str = "door-room-1", window: g.Window = BOOKED) -> tuple[str, g.GrantsPage]:
    grant = g.Grant(
        id=GRANT,
        kind=g.CredentialKind.CODE,
        salt_id="s1",
        lookup="b" * 64,
        doors=[door],
        windows=[window],
    )
    found = g.GrantsPage(epoch=5, revision=1, grants=[grant])
    return hashlib.sha256(encode(found)).hexdigest(), found


def manifest(*digests: str, epoch: int = 5, revision: int = 2) -> g.GrantsManifest:
    hashes = [g.HashSet(salt_id="s1", salt="c" * 32, memory_kib=8192, iterations=1, lanes=1)]
    return g.GrantsManifest(epoch=epoch, revision=revision, hashes=hashes, pages=list(digests))


def command(bench: Bench, *, counter: int = 1, door: str = "door-room-1", **changed: object) -> g.Command:
    facts: dict[str, object] = {
        "epoch": 5,
        "revision": 3,
        "id": f"{counter:032x}",
        "door": door,
        "action": DoorAction.ACCESS,
        "issued": bench.now,
        "expires": bench.now + 10_000,
        "boot": bench.agent.boot,
        "counter": counter,
    }
    return g.Command(**(facts | changed))  # type: ignore[arg-type]


def receipt(bench: Bench, through: int, *, epoch: int = 5, journal: str = "") -> g.Receipt:
    return g.Receipt(
        epoch=epoch,
        revision=1,
        journal=journal or bench.agent.samples.id,
        stream=a.Stream.SAMPLES,
        through=through,
    )


# --- what it sends -----------------------------------------------------------------------------------------


@given(
    spaces=st.integers(1, 6),
    rate=st.sampled_from([0.1, 0.3, 1.0, 3.0, 20.0]),
    seed=st.integers(0, 2**16),
    readings=st.integers(1, 60),
    hour=st.integers(0, 23),
)
@settings(max_examples=40)
def test_every_reading_arrives_once_in_its_place(
    spaces: int, rate: float, seed: int, readings: int, hour: int
) -> None:
    bench = Bench(spaces, rate=rate, seed=seed, now=19_700 * DAY_MS + hour * DAY_MS // 24)
    bench.live(readings)
    bench.agent.finish(bench.number - 1, bench.now - int(bench.pace.period_ms))
    found: list[a.SamplesBatch] = []
    while more := batches(decoded(bench.said())):
        found += more
        assert bench.agent.receipted(a.Stream.SAMPLES, more[-1].seq, bench.mono)
    assert [one.seq for one in found] == list(range(1, len(found) + 1))
    at: dict[str, list[int]] = {}
    for one in found:
        for series, column in one.series.items():
            at.setdefault(series, []).extend(one.base + dt for dt in column.dt)
    assert len(at) == spaces * 3
    wanted = [bench.begin + int(number * bench.pace.period_ms) for number in range(readings)]
    for times in at.values():
        assert len(times) == readings
        # a batch counts in whole milliseconds from its base
        assert all(abs(one - other) <= 1 for one, other in zip(times, wanted, strict=True))
    assert bench.figures.readings == bench.figures.receipted_readings == readings * spaces * 3


def test_a_state_leaves_at_once_and_levels_within_five_seconds() -> None:
    bench = Bench(1, now=19_700 * DAY_MS)  # midnight: nobody comes, nothing moves
    bench.live(4)
    assert not batches(decoded(bench.said()))
    bench.live(1)
    assert len(batches(decoded(bench.said()))) == 1
    coming = next(step.at for step in steps(1, "site-1", "room-1", 19_700) if step.people > 0)
    bench = Bench(1, now=coming - 2_000)
    bench.live(3)
    found = batches(decoded(bench.said()))
    assert [len(one.series["room-1-radar"].dt) for one in found] == [2, 1]
    assert found[0].series["room-1-radar"].value == [0, 0]
    assert found[1].series["room-1-radar"].value[0] >= 2


def test_the_largest_agents_fit_into_a_message() -> None:
    bench = Bench(MOST_PER_AGENT, rate=100)
    bench.live(500)
    said = [*bench.said(), *bench.agent.connected(bench.now)]
    assert max(len(one.payload) for one in said) <= MAX_PAYLOAD
    assert {type(one) for one in decoded(said)} == {a.SamplesBatch, a.EventsBatch, a.Birth, a.Availability}


def test_a_birth_tells_what_is_held_and_a_will_the_same_boot() -> None:
    bench = Bench()
    bench.live(6)
    online, birth = decoded(bench.agent.connected(bench.now))
    assert isinstance(online, a.Availability)
    assert isinstance(birth, a.Birth)
    assert online.boot == birth.boot == bench.agent.boot
    assert {one.series for one in birth.series} == {
        f"room-{room}-{end}" for room in (1, 2) for end in ("level", "motion", "radar")
    }
    assert {(one.stream, one.first) for one in birth.journals} == {(stream, 1) for stream in a.Stream}
    assert birth.keys == [SIGNER.kid]
    assert birth.grants is None
    will = decode_will(bench)
    assert (will.state, will.boot) == (a.Presence.OFFLINE, bench.agent.boot)


def decode_will(bench: Bench) -> a.Availability:
    from pleintemps_contract.wire import decode_agent

    will = bench.agent.will
    found = decode_agent(Topic.parse(will.topic), will.payload)
    assert isinstance(found, a.Availability)
    return found


def test_a_power_cut_begins_another_life_with_the_same_journals() -> None:
    bench = Bench()
    bench.live(7)
    bench.said()
    boot, journal = bench.agent.boot, bench.agent.samples.id
    bench.agent.power_cut(bench.now)
    assert bench.agent.boot != boot
    bench.live(5)
    found = batches(decoded(bench.said()))
    assert {one.journal for one in found} == {journal}
    assert found[0].boot == boot
    assert found[-1].boot == bench.agent.boot
    assert [one.seq for one in found] == list(range(1, len(found) + 1))


# --- what it believes --------------------------------------------------------------------------------------


def test_a_receipt_releases_what_it_names() -> None:
    bench = Bench(1)
    bench.live(10)
    bench.said()
    bench.now += 40
    last = bench.agent.samples.next - 1
    bench.hear(Channel.RECEIPT, receipt(bench, last))
    assert bench.agent.samples.is_empty
    assert not bench.figures.refused
    assert min(bench.figures.waits) == 40


@pytest.mark.parametrize("fault", ["signer", "journal", "epoch", "beyond", "topic", "retained", "garbage"])
def test_what_is_not_proved_or_does_not_fit_releases_nothing(fault: str) -> None:
    bench = Bench(1)
    bench.live(10)
    bench.said()
    bench.hear(Channel.RECEIPT, receipt(bench, 0, epoch=7))
    waiting = bench.agent.samples.waiting
    if fault == "signer":
        stranger = Signer(Ed25519PrivateKey.generate())
        bench.hear(Channel.RECEIPT, receipt(bench, 1, epoch=7), signer=stranger)
    elif fault == "journal":
        bench.hear(Channel.RECEIPT, receipt(bench, 1, epoch=7, journal="d" * 32))
    elif fault == "epoch":
        bench.hear(Channel.RECEIPT, receipt(bench, 1, epoch=6))
    elif fault == "beyond":
        bench.hear(Channel.RECEIPT, receipt(bench, 1000, epoch=7))
    elif fault == "retained":
        bench.hear(Channel.RECEIPT, receipt(bench, 1, epoch=7), retained=True)
    elif fault == "topic":
        body = SIGNER.seal("pleintemps/v1/site-1/other/receipt", encode(receipt(bench, 1, epoch=7)))
        bench.hear_bytes(Topic("site-1", "site-1-1", Channel.RECEIPT), body)
    else:
        bench.hear_bytes(Topic("site-1", "site-1-1", Channel.RECEIPT), b"\x00\xff\n{")
    assert bench.agent.samples.waiting == waiting
    assert bench.figures.refused.total() == 1


@given(st.binary(max_size=200), st.text(max_size=60))
def test_garbage_harms_itself_only(payload: bytes, topic: str) -> None:
    bench = BENCH
    bench.agent.hear(topic, payload, False, bench.now, bench.mono)
    bench.agent.hear("pleintemps/v1/site-1/site-1-1/command", payload, False, bench.now, bench.mono)
    assert not responses(decoded(bench.said()))


BENCH = Bench(1)


def test_another_gateway_gets_everything_again() -> None:
    bench = Bench(1)
    bench.live(10)
    first = [one.last for one in bench.said() if one.stream is a.Stream.SAMPLES]
    assert not bench.said()
    bench.hear(Channel.ANNOUNCEMENT, g.Announcement(epoch=6, revision=1, started=NOON))
    again = [one for one in bench.said() if one.stream is a.Stream.SAMPLES]
    assert [one.last for one in again] == first
    assert all(one.again for one in again)
    bench.hear(Channel.ANNOUNCEMENT, g.Announcement(epoch=6, revision=2, started=NOON))
    assert not bench.said()


def test_a_new_key_is_introduced_by_the_old_one() -> None:
    import base64

    new = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))))
    bench = Bench(1)
    bench.live(5)
    bench.said()
    keys = [base64.b64encode(one.public.public_bytes_raw()).decode() for one in (SIGNER, new)]
    bench.hear(Channel.ANNOUNCEMENT, g.Announcement(epoch=6, revision=1, started=NOON, keys=keys))
    bench.said()
    bench.hear(Channel.RECEIPT, receipt(bench, 1, epoch=6), signer=new)
    assert bench.figures.receipted_readings > 0
    assert not bench.figures.refused


# --- grants, codes, commands -------------------------------------------------------------------------------


def test_a_manifest_is_answered_once_its_pages_are_there() -> None:
    digest, content = page()
    bench = Bench(1)
    bench.said()
    bench.hear(Channel.MANIFEST, manifest(digest), retained=True)
    assert not bench.said()
    bench.hear(Channel.PAGE, content, tail=digest, retained=True)
    answer = a.ManifestResult(epoch=5, revision=2, applied=True, grants=1)
    assert responses(decoded(bench.said())) == [answer]
    birth = decoded(bench.agent.connected(bench.now))[1]
    assert isinstance(birth, a.Birth)
    assert birth.grants == a.GrantsHeld(epoch=5, revision=2, grants=1)


def test_missing_pages_are_told_and_an_older_manifest_is_refused() -> None:
    digest, _ = page()
    bench = Bench(1)
    bench.said()
    bench.hear(Channel.MANIFEST, manifest())
    assert len(responses(decoded(bench.said()))) == 1
    bench.hear(Channel.MANIFEST, manifest(digest, revision=9))
    bench.now += 5_000
    (answer,) = responses(decoded(one for one in bench.said() if one.stream is None))
    assert isinstance(answer, a.ManifestResult)
    assert (answer.applied, answer.revision) == (False, 9)
    bench.hear(Channel.MANIFEST, manifest(revision=1))
    assert bench.figures.refused.total() == 1


def test_a_page_that_is_not_its_digest_is_refused() -> None:
    _, content = page()
    bench = Bench(1)
    bench.hear(Channel.PAGE, content, tail="e" * 64)
    assert bench.figures.refused == {"grants/page: wrong-digest": 1}


@pytest.mark.parametrize("known", [True, False])
def test_who_comes_types_the_code_of_the_hour(known: bool) -> None:
    day_ms = 20 * 60_000
    day = NOON // day_ms
    coming = next(one for one in steps(3, "site-1", "room-1", day, day_ms) if one.people > 0)
    bench = Bench(1, seed=3, now=coming.at - 1_000, day_ms=day_ms)
    digest, content = page(window=g.Window(start=coming.at - 60_000, end=coming.at + 600_000))
    if known:
        bench.hear(Channel.PAGE, content, tail=digest)
        bench.hear(Channel.MANIFEST, manifest(digest))
    bench.live(8)
    found = events(decoded(bench.said()))
    granted = [one for one in found if isinstance(one, a.AccessGranted)]
    refused = [one for one in found if isinstance(one, a.AccessRefused)]
    if known:
        assert granted[0] == a.AccessGranted(door="door-room-1", grant=GRANT)
        modes = [one.mode for one in found if isinstance(one, a.DoorModeChanged)]
        assert modes[:2] == [DoorMode.ACCESSED, DoorMode.LOCKED]
    else:
        assert not granted
        assert refused[0] == a.AccessRefused(door="door-room-1", reason=a.RefusalReason.UNKNOWN)


def test_a_command_is_carried_out_once_and_answered() -> None:
    bench = Bench(1)
    bench.said()
    order = command(bench)
    bench.hear(Channel.COMMAND, order)
    bench.hear(Channel.COMMAND, order)
    said = decoded(bench.said())
    assert responses(said) == [
        a.CommandResult(id=order.id),
        a.CommandResult(id=order.id, refusal=a.CommandRefusal.REPEATED),
    ]
    done = a.CommandExecuted(door="door-room-1", command=order.id, action=DoorAction.ACCESS)
    assert events(said)[0] == done


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"boot": "f" * 32}, a.CommandRefusal.FOREIGN_BOOT),
        ({"door": "door-other"}, a.CommandRefusal.UNKNOWN_DOOR),
        ({"expires": NOON}, a.CommandRefusal.EXPIRED),
    ],
)
def test_commands_that_are_refused(changed: dict[str, object], refusal: a.CommandRefusal) -> None:
    bench = Bench(1)
    bench.said()
    bench.hear(Channel.COMMAND, command(bench, **changed))  # type: ignore[arg-type]
    said = decoded(bench.said())
    assert responses(said) == [a.CommandResult(id=f"{1:032x}", refusal=refusal)]
    assert not events(said)


def test_a_blocked_door_takes_no_code_and_a_configuration_is_answered() -> None:
    bench = Bench(1)
    bench.said()
    bench.hear(Channel.COMMAND, command(bench, action=DoorAction.BLOCK))
    bench.hear(Channel.CONFIG, g.Config(epoch=5, revision=4, doors={}))
    said = decoded(bench.said())
    assert a.ConfigResult(epoch=5, revision=4, applied=True) in responses(said)
    birth = decoded(bench.agent.connected(bench.now))[1]
    assert isinstance(birth, a.Birth)
    assert [door.mode for door in birth.doors] == [DoorMode.BLOCKED]
    bench.hear(Channel.COMMAND, command(bench, counter=2))
    (answer,) = [one for one in responses(decoded(bench.said())) if isinstance(one, a.CommandResult)]
    assert answer.refusal is a.CommandRefusal.DOOR_MODE
