"""A message of one agent is refused by another, and so is all that is not exactly what was signed."""

import base64

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.envelope import EnvelopeFault, Signer, TrustedKeys, key_id, signed_bytes
from pleintemps_contract.errors import ContractError, DecodeError, EnvelopeError
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import decode_agent, decode_gateway_body, open_gateway, seal_gateway

from .examples import GATEWAY, SIGNER, payload

KEYS = TrustedKeys([SIGNER.public])
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def fault(topic: Topic, data: bytes, keys: TrustedKeys = KEYS) -> str:
    with pytest.raises(EnvelopeError) as caught:
        open_gateway(topic, data, keys)
    return caught.value.reason


def test_a_message_of_one_agent_is_refused_by_another() -> None:
    topic, data = payload("command")
    other = Topic.of_agent(topic.site, "hall", Channel.COMMAND)
    assert fault(other, data) == EnvelopeFault.BAD_SIGNATURE


def test_a_message_of_one_site_is_refused_in_another() -> None:
    topic, data = payload("command")
    assert fault(topic._replace(site="elsewhere"), data) == EnvelopeFault.BAD_SIGNATURE


def test_a_message_moved_to_another_channel_is_refused() -> None:
    topic, data = payload("receipt")
    assert fault(topic._replace(channel=Channel.COMMAND), data) == EnvelopeFault.BAD_SIGNATURE


def test_a_stranger_signs_in_vain() -> None:
    topic, message = GATEWAY["command"]
    assert fault(topic, seal_gateway(topic, message, STRANGER)) == EnvelopeFault.UNKNOWN_KEY


def test_a_strangers_signature_under_our_key_id_is_refused() -> None:
    topic, message = GATEWAY["command"]
    forged = seal_gateway(topic, message, STRANGER).replace(STRANGER.kid.encode(), SIGNER.kid.encode())
    assert fault(topic, forged) == EnvelopeFault.BAD_SIGNATURE


def test_during_a_change_two_keys_are_believed() -> None:
    both = TrustedKeys([SIGNER.public, STRANGER.public])
    topic, message = GATEWAY["command"]
    for signer in (SIGNER, STRANGER):
        assert open_gateway(topic, seal_gateway(topic, message, signer), both) == message
    with pytest.raises(ValueError, match="0 keys"):
        TrustedKeys([])


@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_spoils_it(place: int, bit: int) -> None:
    topic, data = payload("command")
    spoilt = bytearray(data)
    spoilt[place % len(data)] ^= 1 << bit
    with pytest.raises(ContractError):
        open_gateway(topic, bytes(spoilt), KEYS)


def test_a_signature_has_one_spelling() -> None:
    topic, data = payload("command")
    assert data.count(b'=="}\n') == 1  # base64 of 64 bytes leaves four bits of its last digit unused
    place = data.index(b'=="}\n') - 1
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for spare in range(1, 16):
        spoilt = bytearray(data)
        spoilt[place] = digits[digits.index(data[place]) | spare]
        assert fault(topic, bytes(spoilt)) == EnvelopeFault.BAD_HEADER


@given(st.binary(max_size=700))
def test_garbage_is_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(ContractError):
        open_gateway(GATEWAY["command"][0], data, KEYS)


def test_the_signature_covers_what_the_design_says() -> None:
    topic, data = payload("command")
    head, _, body = data.partition(b"\n")
    header = msgspec.json.decode(head)
    assert header["alg"] == "Ed25519"
    assert header["kid"] == key_id(SIGNER.public)
    covered = b"pleintemps/v1\0" + str(topic).encode() + b"\0" + body
    assert signed_bytes(str(topic), body) == covered
    SIGNER.public.verify(base64.b64decode(header["sig"]), covered)


def test_sides_do_not_speak_on_each_others_channels() -> None:
    topic, data = payload("events")
    with pytest.raises(DecodeError, match="only an agent speaks"):
        decode_gateway_body(topic, data)
    topic, data = payload("command")
    with pytest.raises(DecodeError, match="only a gateway speaks"):
        decode_agent(topic, data)


def test_size_is_bounded_on_both_sides() -> None:
    topic, _ = payload("events")
    with pytest.raises(DecodeError, match="65536 allowed"):
        decode_agent(topic, b" " * 65_537)
    with pytest.raises(DecodeError, match="65536 allowed"):
        open_gateway(payload("command")[0], b" " * 65_537, KEYS)
