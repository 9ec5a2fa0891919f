"""Every message of the wire, byte by byte."""

from typing import get_args

import pytest

from pleintemps_contract.agent_messages import Event, Response
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.topics import TABLE, Topic
from pleintemps_contract.wire import decode_agent, open_gateway

from .examples import AGENT, EVENTS, GATEWAY, GOLDEN, RESPONSES, SIGNER, payload

NAMES = [*AGENT, *GATEWAY]


def golden(name: str) -> tuple[Topic, bytes]:
    topic, _, rest = (GOLDEN / f"{name}.txt").read_bytes().partition(b"\n")
    return Topic.parse(topic.decode()), rest[:-1]


@pytest.mark.parametrize("name", NAMES)
def test_encoding_is_the_golden_file(name: str) -> None:
    assert payload(name) == golden(name)


@pytest.mark.parametrize("name", AGENT)
def test_agent_messages_decode(name: str) -> None:
    topic, data = golden(name)
    assert decode_agent(topic, data) == AGENT[name][1]


@pytest.mark.parametrize("name", GATEWAY)
def test_gateway_messages_open(name: str) -> None:
    topic, data = golden(name)
    assert open_gateway(topic, data, TrustedKeys([SIGNER.public])) == GATEWAY[name][1]


def test_nothing_is_left_out() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))
    assert {type(response) for response in RESPONSES.values()} == set(get_args(Response))
    assert {topic.channel for topic, _ in [*AGENT.values(), *GATEWAY.values()]} == set(TABLE)
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(NAMES)


@pytest.mark.parametrize("name", AGENT)
def test_unknown_fields_are_ignored(name: str) -> None:
    topic, data = golden(name)
    assert decode_agent(topic, b'{"of-tomorrow":[1],' + data[1:]) == AGENT[name][1]
