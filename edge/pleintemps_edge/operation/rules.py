"""What is found in the agent's facts: pure rules, one for each check."""

from collections.abc import Iterator
from typing import Final

from pleintemps_contract.agent_messages import Health
from pleintemps_contract.checkup.findings import Finding, fail, ok, warn
from pleintemps_contract.checkup.machine import ClockFacts, judge_clock
from pleintemps_edge.status import complaints

from .facts import PiFacts, RtcFacts, RunFacts, SetupFacts, TimeFacts

BACKLOG: Final = 1_000
"""Records that wait: more than an evening's."""
RTC_OFF_MS: Final = 2_000
HOT: Final = 80.0
_SERVICE: Final = "systemctl status pleintemps-edge; journalctl -u pleintemps-edge -n 50"
# firmware of the Raspberry Pi, `vcgencmd get_throttled`: bits for now, and since the start
_NOW: Final = ((0, "the supply is too weak"), (2, "throttled"), (3, "too hot"))
_SINCE: Final = ((16, "the supply was too weak"), (18, "it was throttled"), (19, "it was too hot"))


def judge_setup(facts: SetupFacts) -> Iterator[Finding]:
    for problem in facts.problems:
        yield fail("config", problem, "mend it, then: pleintemps-edge check --config FILE")
    if not facts.problems:
        yield ok("config", "fits together, with its keys")


def judge_run(facts: RunFacts) -> Iterator[Finding]:
    status = facts.status
    if status is None:
        yield fail("agent", f"none is running: {facts.why}", _SERVICE)
        return
    yield ok("agent", f"{status.agent} of {status.site} runs, {len(status.doors)} doors")
    if status.version != facts.installed:
        said = f"runs {status.version}, installed is {facts.installed}"
        yield warn("version", said, "systemctl restart pleintemps-edge, while nobody stands at the door")
    else:
        yield ok("version", status.version)


def judge_time(facts: TimeFacts) -> Iterator[Finding]:
    if facts.trusted is None or facts.source is None:
        yield from judge_clock(ClockFacts(facts.world, facts.synchronised))
    elif not facts.trusted:
        yield fail(
            "clock",
            "not trusted: codes with a time are refused",
            "let it reach a time server or the gateway: timedatectl timesync-status",
        )
    elif facts.source == "simulated":
        yield from judge_clock(ClockFacts("simulated", False))
    else:
        yield ok("clock", f"trusted, by {facts.source}")


def judge_rtc(facts: RtcFacts) -> Iterator[Finding]:
    if not facts.path:
        if facts.doors:
            said = "none: after a power cut without a network, codes with a time are refused"
            yield warn("clock-chip", said, "fit one, then clock.rtc (hardware/README.md)")
        else:
            yield ok("clock-chip", "none, and no door that needs one")
    elif not facts.answered:
        yield fail("clock-chip", f"{facts.path} cannot be asked", f"ls -l {facts.path}; dmesg | grep rtc")
    elif facts.low:
        yield fail("clock-chip", "its battery is empty, or was", "change its battery")
    elif not facts.runs:
        yield fail(
            "clock-chip", "it has stopped, or was never set", "hwclock --systohc, once the time is right"
        )
    elif facts.off_ms is not None and abs(facts.off_ms) > RTC_OFF_MS:
        yield warn("clock-chip", f"off by {facts.off_ms / 1000:.0f} s", "hwclock --systohc")
    else:
        yield ok("clock-chip", "runs" if facts.off_ms is None else f"right to {RTC_OFF_MS // 1000} s")


def judge_journal(facts: RunFacts) -> Iterator[Finding]:
    if facts.status is None:
        return  # said where the agent is looked at
    for storage in facts.status.storage:
        if storage.health is not Health.OK:
            said = f"{storage.stream}: {storage.detail or storage.health}"
            yield fail("journal", said, "its card is full or ill: change it soon")
    waiting = sum(each.next - each.first for each in facts.status.journals)
    if waiting >= BACKLOG:
        yield warn("journal", f"{waiting} records wait for the gateway", "its network; none is lost yet")
    else:
        yield ok("journal", f"{waiting} records wait")


def judge_devices(facts: RunFacts) -> Iterator[Finding]:
    if facts.status is None:
        return
    status = facts.status
    ill = [line for line in complaints(status) if line.startswith(("device ", "door ", "panel "))]
    for line in ill:
        yield warn("devices", line, "its wire, its supply, then the device (docs/drivers.md)")
    if not ill:
        yield ok("devices", f"{len(status.devices)}, all well")


def judge_pi(facts: PiFacts) -> Iterator[Finding]:
    hot = "" if facts.celsius is None else f"{facts.celsius:.0f} °C"
    if facts.flags is None:
        yield ok("machine", f"no Raspberry Pi, {hot}" if hot else "no Raspberry Pi")
        return
    supply = "a supply of 5.1 V and 3 A, a short thick cable, air around it"
    now = [said for bit, said in _NOW if facts.flags >> bit & 1]
    since = [said for bit, said in _SINCE if facts.flags >> bit & 1]
    if now:
        yield fail("machine", ", ".join([*now, hot]).rstrip(", "), supply)
    elif since or (facts.celsius is not None and facts.celsius >= HOT):
        yield warn("machine", ", ".join([*since, hot]).rstrip(", "), supply)
    else:
        yield ok("machine", ", ".join(["supply and temperature are well", hot]).rstrip(", "))
