"""What is found in the facts: pure rules, one for each check."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from pleintemps_contract.checkup.findings import Finding, days, fail, ok, warn

from .facts import (
    AgentsFacts,
    BackupFacts,
    ConfigFacts,
    FeedsFacts,
    MessageFacts,
    ProcessFacts,
    StoreFacts,
    UpdateFacts,
)

HOUSE_MS: Final = 180_000
"""Ingest keeps house once a minute."""
FEED_TURNS: Final = 4
LOCAL: Final = ("127.0.0.1", "::1", "localhost")
_SERVICE: Final = "systemctl status pleintemps-gateway; journalctl -u pleintemps-gateway -n 50"
_RESTORE: Final = "stop the gateway, then: pleintemps-gateway restore --config FILE --from DIR --force"
_AGENT: Final = {  # the words of web.agents
    "never": ("never heard of", "start it, and look at its line: pleintemps-edge doctor"),
    "silent": ("silent", "its power, then its network; if all of a building are silent: the broker"),
    "storage": ("its disk is full or ill", "change its card: pleintemps-edge doctor says which"),
    "clock": ("its clock is not trusted", "let it reach a time server, then look at its clock chip"),
    "devices": ("devices are ill", "look at what its line on /agents says"),
    "certificate-over": (
        "its certificate is over",
        "it renews its own; else enrol it again",
    ),
    "certificate": ("its certificate ends soon", "it renews its own; else enrol it again"),
    "timings": ("it refuses its timings", "its line on /agents says why"),
    "grants": ("it refuses its codes", "its line on /agents says why"),
    "backlog": ("records wait there", "its network: nothing is lost yet"),
}


def judge_config(facts: ConfigFacts) -> Iterator[Finding]:
    found = list(_mistakes(facts))
    yield from found
    if not found:
        yield ok("config", "nothing that should not be")


def _mistakes(facts: ConfigFacts) -> Iterator[Finding]:
    if facts.keys_fault:
        yield fail("config", facts.keys_fault, "pleintemps-gateway init --config FILE")
    if facts.demo:
        yield warn(
            "config", "the keys are those of a demonstration", "production keys, in a folder of their own"
        )
    if facts.file_open:
        yield warn("config", "others may change the configuration", "chmod go-w FILE")
    if facts.web_host not in LOCAL and not facts.public_url.startswith("https://"):
        yield warn("config", f"pages in clear on {facts.web_host}", "a proxy with https, [web] public_url")
    if facts.delivery != "none" and not facts.public_url:
        yield warn("config", "messages hold no link", "[web] public_url")
    for agent in facts.keyless:
        yield warn(
            "config", f"agent {agent} has no keys", "pleintemps-gateway agent enrol NAME --config FILE"
        )
    for site in facts.no_duty_number:
        yield warn("config", f"{site}: nobody's number for people who stand outside", "[sites.about] duty")


def judge_store(facts: StoreFacts) -> Iterator[Finding]:
    if facts.fault:
        yield fail("store", facts.fault, "is the database up, database_url right? then: " + _RESTORE)
    elif facts.schema is None:
        yield fail("store", "it has no tables", "pleintemps-gateway init --config FILE")
    elif facts.schema != facts.wanted and facts.older:
        yield warn(
            "store",
            f"schema {facts.schema}, this program has {facts.wanted}",
            "the next start brings it along",
        )
    elif facts.schema != facts.wanted:
        yield fail(
            "store",
            f"schema {facts.schema} is newer than this program ({facts.wanted})",
            "install the newer program",
        )
    elif facts.verdict not in (None, "ok"):
        yield fail("store", f"damaged: {facts.verdict}", _RESTORE)
    else:
        looked = "not walked through (--thorough does)" if facts.verdict is None else "whole"
        yield ok("store", f"{facts.kind}, schema {facts.schema}, {looked}")


def judge_processes(facts: ProcessFacts) -> Iterator[Finding]:
    late = [(site, at) for site, at in facts.kept if at is None or facts.now - at > HOUSE_MS]
    for site, at in late:
        since = "ever" if at is None else f"for {(facts.now - at) // 60_000} min"
        yield fail("ingest", f"{site}: nobody has listened to its agents {since}", _SERVICE)
    if not late:
        yield ok("ingest", f"{len(facts.kept)} sites, each looked after within 3 min")
    if facts.web == 200:
        yield ok("web", f"answers on {facts.where}")
    elif facts.web is None:
        yield fail("web", f"nobody answers on {facts.where}", _SERVICE)
    else:
        yield fail(
            "web", f"another program answers on {facts.where} ({facts.web})", f"ss -ltnp | grep {facts.where}"
        )


def judge_agents(facts: AgentsFacts) -> Iterator[Finding]:
    for agent in facts.agents:
        for word in agent.todo:
            said, todo = _AGENT.get(word, (word, "look at /agents"))
            if word == "devices" and agent.ill:
                said = f"ill: {', '.join(agent.ill)}"
            if word == "backlog":
                said = f"{agent.backlog} records wait there"
            grave = word in ("silent", "storage", "certificate-over")
            yield (fail if grave else warn)("agents", f"{agent.name}: {said}", todo)
    if facts.agents and not any(agent.todo for agent in facts.agents):
        yield ok("agents", f"{len(facts.agents)}, all fine")
    elif not facts.agents:
        yield warn("agents", "none is configured", "[[sites.doors]] agent")
    other = Counter(agent.version for agent in facts.agents if agent.version not in ("", facts.version))
    if other:
        told = ", ".join(f"{number} with {version}" for version, number in sorted(other.items()))
        yield warn("versions", f"this gateway is {facts.version}; {told}", "pleintemps-gateway update offer")
    else:
        yield ok("versions", facts.version)


def judge_feeds(facts: FeedsFacts) -> Iterator[Finding]:
    found = False
    for feed in facts.feeds:
        late = feed.poll_s is not None and (
            feed.good is None or facts.now - feed.good > FEED_TURNS * feed.poll_s * 1000
        )
        if late:
            found = True
            since = "never read" if feed.good is None else f"not read for {days(facts.now - feed.good)}"
            yield warn("feeds", f"{feed.name}: {since}: {feed.error or 'no reason given'}", "look at /feeds")
        if feed.untold:
            found = True
            yield warn("feeds", f"{feed.name}: {feed.untold} releases not told", "look at /feeds")
    if not found:
        yield ok("feeds", f"{len(facts.feeds)} read in time" if facts.feeds else "none is configured")


def judge_messages(facts: MessageFacts) -> Iterator[Finding]:
    for where, number, error in facts.failed:
        yield warn("messages", f"{where}: {number} failed within a week: {error}", "a test on /notifications")
    for where, number, error in facts.waiting:
        yield warn("messages", f"{where}: {number} wait: {error}", "a test on /notifications")
    if not facts.failed and not facts.waiting:
        yield ok(
            "messages", "people are not written to" if facts.kind == "none" else "none failed within a week"
        )
    if facts.duty_fault:
        yield fail(
            "duty", facts.duty_fault, "mend duty_file: what it said before does not count after a start"
        )
    elif not facts.duty:
        yield warn("duty", "nobody is told of alerts", "duty_file (docs/gateway.md)")
    else:
        yield ok("duty", f"{facts.on_duty} people in {facts.duty}")


def judge_backup(facts: BackupFacts) -> Iterator[Finding]:
    make = "pleintemps-gateway backup --config FILE --to DIR, once a day by its timer"
    if facts.unreadable:
        yield fail(
            "backup", "the list of folders cannot be read", "look at its owner and mode in the state folder"
        )
    elif facts.last is None:
        yield fail("backup", "none was ever made", make)
    else:
        age = f"{days(facts.now - facts.last)} old"
        if facts.late:
            yield fail("backup", age, make)
        elif facts.max_age_h is None:
            yield warn("backup", f"{age}, and nobody is reminded", "[backup] max_age_h")
        else:
            yield ok("backup", age)
    for folder in facts.away:
        yield warn("backup", f"{folder} is not there now", "plug the disk in, or mount it")


def judge_updates(facts: UpdateFacts) -> Iterator[Finding]:
    for site, version, state, reason in facts.rollouts:
        if state == "halted":
            yield warn(
                "updates", f"{site}: {version} was halted: {reason}", "pleintemps-gateway update status"
            )
        else:
            yield ok("updates", f"{site}: {version} is {state}")
    if not facts.rollouts:
        yield ok("updates", "nothing was offered" if facts.configured else "by hand: [updates] is not set")
