"""Untrusted until checked: what is refused, and that the error says where."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.errors import ContractError, DecodeError, IdentifierError, TopicError
from pleintemps_contract.gateway_messages import HashSet
from pleintemps_contract.identifiers import slug, unreserved_slug
from pleintemps_contract.topics import PREFIX, TABLE, Channel, Topic, agent_reads, gateway_reads
from pleintemps_contract.wire import decode_agent, decode_gateway_body

from .examples import AGENT, DIGEST, GATEWAY, payload

Path = tuple[str | int, ...]

BROKEN: list[tuple[str, Path, Any, str]] = [
    ("availability", ("state",), "asleep", "$.state"),
    ("availability", ("boot",), "0B" * 16, "$.boot"),
    ("birth", ("at",), -1, "$.at"),
    ("birth", ("at",), 1e400, "Infinity"),
    ("birth", ("doors", 0, "door"), "The Gate", "$.doors[0].door"),
    ("birth", ("doors", 0, "mode"), "Ajar", "$.doors[0].mode"),
    ("birth", ("series", 0, "quantity"), "smell", "$.series[0].quantity"),
    ("birth", ("series", 0, "max_silence_s"), 0, "$.series[0].max_silence_s"),
    ("events", ("records", 3, "seq"), 0, "$.records[3].seq"),
    ("events", ("records", 3, "seq"), 2**63, "$.records[3].seq"),
    ("events", ("records", 0, "event", "type"), "party", "$.records[0].event.type"),
    ("events", ("records", 1, "event", "reference"), "1234", "$.records[1].event.reference"),
    ("events", ("records",), [], "$.records"),
    ("samples", ("series", "hall-meter", "dt"), [0], "$.series[...]"),
    ("samples", ("series", "hall-meter", "value"), [1, 2, "x"], "$.series[...].value[2]"),
    ("samples", ("series",), {"Hall Meter": {"dt": [0], "value": [1]}}, "key"),
    ("response-command", ("id",), "x", "$.id"),
    ("response-manifest", ("grants",), -1, "$.grants"),
    ("receipt", ("through",), -1, "$.through"),
    ("receipt", ("stream",), "gossip", "$.stream"),
    ("manifest", ("hashes", 0, "memory_kib"), 2**31, "$.hashes[0].memory_kib"),
    ("manifest", ("hashes",), [], "$.hashes"),
    ("page", ("grants", 0, "windows", 0, "end"), 0, "$.grants[0].windows[0]"),
    ("page", ("grants", 0, "lookup"), "00", "$.grants[0].lookup"),
    ("command", ("action",), "BlowUpDoor", "$.action"),
    ("command", ("counter",), 0, "$.counter"),
    ("config", ("doors", "gate", "release_ms"), 10, "$.doors[...].release_ms"),
    ("state", ("probability",), 1.01, "$.probability"),
    ("announcement", ("epoch",), None, "$.epoch"),
]


def decode(topic: Topic, body: bytes) -> object:
    return decode_gateway_body(topic, body) if topic.row.signed else decode_agent(topic, body)


def body_of(name: str) -> tuple[Topic, bytes]:
    topic, data = payload(name)
    return topic, data.partition(b"\n")[2] if topic.row.signed else data


@pytest.mark.parametrize(("name", "path", "value", "where"), BROKEN, ids=lambda value: str(value)[:40])
def test_a_bad_field_is_named(name: str, path: Path, value: object, where: str) -> None:
    topic, body = body_of(name)
    tree = msgspec.json.decode(body)
    spot = tree
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    data = (
        msgspec.json.encode(tree) if value != 1e400 else body.replace(b'"at":1795000000000', b'"at":Infinity')
    )
    with pytest.raises(DecodeError) as caught:
        decode(topic, data)
    assert caught.value.where == str(topic)
    assert where in caught.value.reason or (where == "Infinity" and "JSON" in caught.value.reason)


@pytest.mark.parametrize("name", [*AGENT, *GATEWAY])
@given(data=st.data())
def test_a_message_cut_short_is_refused(name: str, data: st.DataObject) -> None:
    topic, body = body_of(name)
    cut = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    with pytest.raises(DecodeError):
        decode(topic, body[:cut])


@given(st.sampled_from(sorted(TABLE)), st.binary(max_size=300))
def test_garbage_never_escapes_as_another_error(channel: Channel, data: bytes) -> None:
    tail = {Channel.PAGE: DIGEST, Channel.STATE: "hall"}.get(channel, "")
    site_level = channel in {Channel.STATE, Channel.ANNOUNCEMENT}
    topic = Topic("saint-aubin", "" if site_level else "gate", channel, tail)
    with pytest.raises(ContractError):
        decode(topic, data)


def test_deep_nesting_is_refused() -> None:
    topic, _ = body_of("availability")
    with pytest.raises(DecodeError):
        decode(topic, b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pleintemps/v1",
        "pleintemps/v1/",
        "other/v1/site/gate/birth",
        "x/pleintemps/v1/site/gate/birth",
        f"{PREFIX}/site/gate",
        f"{PREFIX}/site/gate/",
        f"{PREFIX}/site/gate/gossip",
        f"{PREFIX}/site/gate/birth/more",
        f"{PREFIX}/site/gate/gateway",
        f"{PREFIX}/site/gate/grants/page",
        f"{PREFIX}/site/gate/grants/page/{'F' * 64}",
        f"{PREFIX}/Site/gate/birth",
        f"{PREFIX}/site/gateway/birth",
        f"{PREFIX}/gateway/gate/birth",
        f"{PREFIX}/site/state/",
        f"{PREFIX}/site/state/a/b",
        f"{PREFIX}/site/+/birth",
    ],
)
def test_topics_outside_the_table_are_refused(text: str) -> None:
    with pytest.raises((TopicError, IdentifierError)):
        Topic.parse(text)


slugs = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True).filter(
    lambda text: text not in {"gateway", "state"}
)


@given(slugs, slugs, st.sampled_from(sorted(TABLE)), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_topics_survive_a_round_trip(site: str, name: str, channel: Channel, digest: str) -> None:
    if channel is Channel.ANNOUNCEMENT:
        topic = Topic.announcement(site)
    elif channel is Channel.STATE:
        topic = Topic.state(site, name)
    else:
        topic = Topic.of_agent(site, name, channel, digest if channel is Channel.PAGE else "")
    assert Topic.parse(str(topic)) == topic


@pytest.mark.parametrize("text", ["", "a" * 41, "Hall", "salle é", "a/b", "a b", "hall\n", "+", "#"])
def test_slugs(text: str) -> None:
    with pytest.raises(IdentifierError):
        slug(text)


@pytest.mark.parametrize("text", ["gateway", "state"])
def test_reserved_words_name_nobody(text: str) -> None:
    assert slug(text) == text
    with pytest.raises(IdentifierError, match="reserved"):
        unreserved_slug(text)


def test_subscriptions() -> None:
    assert agent_reads("s", "a") == [
        "pleintemps/v1/s/a/receipt",
        "pleintemps/v1/s/a/grants/#",
        "pleintemps/v1/s/a/command",
        "pleintemps/v1/s/a/config",
        "pleintemps/v1/s/gateway",
    ]
    assert gateway_reads("s") == [
        f"pleintemps/v1/s/+/{name}" for name in ("availability", "birth", "events", "samples", "response")
    ]


def test_code_hashing_that_argon2_would_refuse_is_refused_first() -> None:
    known: dict[str, Any] = {"salt_id": "s1", "salt": "ab" * 16, "iterations": 1}
    assert msgspec.convert(known | {"memory_kib": 64, "lanes": 8}, HashSet).lanes == 8
    with pytest.raises(msgspec.ValidationError, match="8 KiB a lane"):
        msgspec.convert(known | {"memory_kib": 63, "lanes": 8}, HashSet)
