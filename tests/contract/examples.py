"""One example of every message; ``python -m tests.contract.examples`` rewrites the golden files.

A golden file is what goes over the wire: the topic on the first line, then the payload. Agents in the field
speak what stands there: a change here is a change of the wire.
"""

import base64
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pleintemps_contract import agent_messages as a
from pleintemps_contract import gateway_messages as g
from pleintemps_contract.envelope import Signer
from pleintemps_contract.onvif import DoorAction, DoorAlarm, DoorMode, DoorPhysicalState, LockPhysicalState
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.units import Quantity, SeriesKind
from pleintemps_contract.wire import AgentMessage, GatewayMessage, encode, seal_gateway

GOLDEN: Final = Path(__file__).parent / "golden"
SIGNER: Final = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

BOOT: Final = "0b" * 16
JOURNAL: Final = "1a" * 16
GRANT: Final = "2c" * 16
COMMAND: Final = "3d" * 16
NONCE: Final = "4e" * 16
DIGEST: Final = "5f" * 32
T: Final = 1_795_000_000_000


def _of(channel: Channel, digest: str = "") -> Topic:
    return Topic.of_agent("saint-aubin", "entrance", channel, digest)


EVENTS: Final[list[a.Event]] = [
    a.AgentStarted(version="0.1.0"),
    a.DoorModeChanged(door="gate", mode=DoorMode.ACCESSED, cause=a.ModeCause.CODE, reference=GRANT),
    a.DoorPhysicalChanged(door="gate", state=DoorPhysicalState.OPEN),
    a.LockPhysicalChanged(door="gate", state=LockPhysicalState.UNLOCKED),
    a.DoorAlarmChanged(door="gate", alarm=DoorAlarm.FORCED_OPEN),
    a.AccessGranted(door="gate", grant=GRANT),
    a.AccessNotUsed(door="gate", grant=GRANT),
    a.AccessRefused(door="gate", reason=a.RefusalReason.UNKNOWN),
    a.CommandExecuted(door="gate", command=COMMAND, action=DoorAction.ACCESS),
    a.AccessGranted(door="gate", grant=GRANT, duress=True),
    a.AccessGranted(door="gate", grant=GRANT, offline=True, space="hall"),
    a.DoorFireChanged(door="gate", active=True),
    a.FireInputChanged(device="fire-panel", active=True),
    a.TamperChanged(device="gate-housing", active=True),
    a.FreeOpeningChanged(door="gate", active=True, reference=GRANT),
    a.PanelChanged(panel="alarm", state=a.PanelState.UNSET, reference=GRANT),
    a.PanelRefused(panel="alarm", reason="the gate is open", reference=COMMAND),
    a.SignalChanged(
        signal="hall-light", space="hall", on=True, cause=a.SignalCause.COMMAND, reference=COMMAND
    ),
    a.JournalReplaced(stream=a.Stream.EVENTS, reason="file is not a database"),
    a.DeviceHealth(device="hall-radar", health=a.Health.ERROR, detail="port vanished"),
    a.LateCommit(door="gate", waited_ms=80),
    a.SamplesDropped(batches=3),
    a.MessageRefused(channel="command", reason="retained", count=2),
]

RESPONSES: Final[dict[str, a.Response]] = {
    "response-command": a.CommandResult(id=COMMAND),
    "response-command-refused": a.CommandResult(id=COMMAND, refusal=a.CommandRefusal.EXPIRED),
    "response-manifest": a.ManifestResult(epoch=7, revision=3, applied=True, grants=12),
    "response-config": a.ConfigResult(epoch=7, revision=4, applied=False, detail="unknown door attic"),
    "response-time-request": a.TimeRequest(nonce=NONCE),
}

AGENT: Final[dict[str, tuple[Topic, AgentMessage]]] = {
    "availability": (_of(Channel.AVAILABILITY), a.Availability(state=a.Presence.OFFLINE, boot=BOOT)),
    "birth": (
        _of(Channel.BIRTH),
        a.Birth(
            boot=BOOT,
            version="0.1.0",
            at=T,
            clock=a.ClockSource.RTC,
            clock_trusted=True,
            nonce=NONCE,
            devices=[a.DeviceInfo(device="hall-meter", driver="modbus_sound", health=a.Health.OK)],
            doors=[
                a.DoorInfo(
                    door="gate",
                    mode=DoorMode.LOCKED,
                    physical=DoorPhysicalState.CLOSED,
                    lock=LockPhysicalState.UNKNOWN,
                    alarm=DoorAlarm.NORMAL,
                )
            ],
            series=[
                a.SeriesInfo(
                    series="hall-pir",
                    device="hall-pir",
                    space="hall",
                    quantity=Quantity.MOTION,
                    kind=SeriesKind.STATE,
                    max_silence_s=90,
                )
            ],
            journals=[a.JournalPosition(journal=JOURNAL, stream=a.Stream.EVENTS, first=1, next=14)],
            grants=a.GrantsHeld(epoch=7, revision=3, grants=12),
        ),
    ),
    "birth-in-trouble": (
        _of(Channel.BIRTH),
        a.Birth(
            boot=BOOT,
            version="0.1.0",
            at=T,
            clock=a.ClockSource.NONE,
            clock_trusted=False,
            nonce=NONCE,
            devices=[],
            doors=[
                a.DoorInfo(
                    door="gate",
                    mode=DoorMode.LOCKED_OPEN,
                    physical=DoorPhysicalState.OPEN,
                    lock=LockPhysicalState.FAULT,
                    alarm=DoorAlarm.NORMAL,
                    fire=True,
                )
            ],
            series=[],
            journals=[],
            storage=[a.StorageInfo(stream=a.Stream.EVENTS, health=a.Health.ERROR, detail="disk is full")],
            panels=[a.PanelInfo(panel="alarm", state=a.PanelState.SET, ready=True)],
            signals=[a.SignalInfo(signal="hall-light", on=True)],
            keys=[SIGNER.kid],
            certificate_until=T + 86_400_000,
        ),
    ),
    "events": (
        _of(Channel.EVENTS),
        a.EventsBatch(
            journal=JOURNAL,
            first=1,
            records=[
                a.EventRecord(seq=n, at=T + n, trusted=True, monotonic=1_000 + n, boot=BOOT, event=event)
                for n, event in enumerate(EVENTS, start=1)
            ],
        ),
    ),
    "samples": (
        _of(Channel.SAMPLES),
        a.SamplesBatch(
            journal=JOURNAL,
            first=41,
            seq=42,
            boot=BOOT,
            base=T,
            trusted=True,
            series={
                "hall-meter": a.Column(dt=[0, 1_000, 2_000], value=[52.3, 52.5, 61.0]),
                "hall-pir": a.Column(dt=[350], value=[1.0]),
            },
        ),
    ),
    **{name: (_of(Channel.RESPONSE), response) for name, response in RESPONSES.items()},
}

GATEWAY: Final[dict[str, tuple[Topic, GatewayMessage]]] = {
    "announcement": (Topic.announcement("saint-aubin"), g.Announcement(epoch=7, revision=1, started=T)),
    "announcement-with-keys": (
        Topic.announcement("saint-aubin"),
        g.Announcement(
            epoch=7,
            revision=6,
            started=T,
            keys=[base64.b64encode(SIGNER.public.public_bytes_raw()).decode()],
        ),
    ),
    "receipt": (
        _of(Channel.RECEIPT),
        g.Receipt(epoch=7, revision=2, journal=JOURNAL, stream=a.Stream.EVENTS, through=13),
    ),
    "receipt-with-time": (
        _of(Channel.RECEIPT),
        g.Receipt(
            epoch=7,
            revision=2,
            journal=JOURNAL,
            stream=a.Stream.SAMPLES,
            through=0,
            time=g.GatewayTime(nonce=NONCE, now=T),
        ),
    ),
    "manifest": (
        _of(Channel.MANIFEST),
        g.GrantsManifest(
            epoch=7,
            revision=3,
            hashes=[g.HashSet(salt_id="s1", salt="6a" * 16, memory_kib=8_192, iterations=2, lanes=1)],
            pages=[DIGEST],
        ),
    ),
    "page": (
        _of(Channel.PAGE, DIGEST),
        g.GrantsPage(
            epoch=7,
            revision=3,
            grants=[
                g.Grant(
                    id=GRANT,
                    kind=g.CredentialKind.CODE,
                    salt_id="s1",
                    lookup=DIGEST,
                    doors=["gate", "hall"],
                    windows=[g.Window(start=T, end=T + 7_200_000)],
                )
            ],
        ),
    ),
    "page-of-everything": (
        _of(Channel.PAGE, DIGEST),
        g.GrantsPage(
            epoch=7,
            revision=3,
            grants=[
                g.Grant(
                    id=GRANT,
                    kind=g.CredentialKind.STAFF_CARD,
                    salt_id="s1",
                    lookup=DIGEST,
                    doors=["gate"],
                    schedules=["mornings"],
                    once=True,
                    duress=True,
                    extended=True,
                )
            ],
            schedules=[g.Schedule(schedule="mornings", windows=[g.Window(start=T, end=T + 3_600_000)])],
            free_openings=[g.FreeOpening(door="gate", schedule="mornings", first_person=True)],
            offline=[g.OfflineKeys(space="hall", doors=["gate"], digits=11, first_day=20_775, sealed="AAAA")],
        ),
    ),
    "command": (
        _of(Channel.COMMAND),
        g.Command(
            epoch=7,
            revision=5,
            id=COMMAND,
            door="gate",
            action=DoorAction.ACCESS,
            issued=T,
            expires=T + 15_000,
            boot=BOOT,
            counter=1,
        ),
    ),
    "command-signal": (
        _of(Channel.COMMAND),
        g.Command(
            epoch=7,
            revision=8,
            id=COMMAND,
            door="hall-light",
            action=DoorAction.SIGNAL_ON,
            issued=T,
            expires=T + 15_000,
            boot=BOOT,
            counter=2,
        ),
    ),
    "config": (
        _of(Channel.CONFIG),
        g.Config(epoch=7, revision=4, doors={"gate": g.DoorTimings(release_ms=10_000)}),
    ),
    "state": (
        Topic.state("saint-aubin", "hall"),
        g.RoomState(
            epoch=7,
            revision=9,
            space="hall",
            state=g.Occupancy.OCCUPIED,
            since=T - 60_000,
            at=T,
            probability=0.98,
            evidence="hall-radar: moving",
            evidence_at=T - 500,
            next_start=T + 3_600_000,
        ),
    ),
}


def payload(name: str) -> tuple[Topic, bytes]:
    """Topic and bytes of one example."""
    if name in AGENT:
        topic, message = AGENT[name]
        return topic, encode(message)
    topic, spoken = GATEWAY[name]
    return topic, seal_gateway(topic, spoken, SIGNER)


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name in [*AGENT, *GATEWAY]:
        topic, data = payload(name)
        (GOLDEN / f"{name}.txt").write_bytes(f"{topic}\n".encode() + data + b"\n")


if __name__ == "__main__":
    main()
