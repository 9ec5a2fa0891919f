"""Tokens: proved before they are read, worth nothing anywhere else, and no text breaks anything."""

import base64
import string

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.credentials import card_text
from pleintemps_contract.envelope import Header, Signer, TrustedKeys
from pleintemps_contract.errors import ContractError, DecodeError, EnvelopeError
from pleintemps_contract.gateway_messages import Window
from pleintemps_contract.tokens import MAX_BODY, MAX_TEXT, PREFIX, Token, open_token, sign_token

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(b"t" * 32))
NEXT = Signer(Ed25519PrivateKey.from_private_bytes(b"n" * 32))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"x" * 32))
KEYS = TrustedKeys([SIGNER.public, NEXT.public])
SITE = "saint-aubin"
T = 1_795_000_000_000


def token(site: str = SITE, doors: int = 2, windows: int = 1) -> Token:
    return Token(
        id="7b" * 16,
        site=site,
        doors=[f"door-{number}" for number in range(doors)],
        windows=[Window(start=T + at, end=T + at + 7_200_000) for at in range(windows)],
    )


TEXT = sign_token(token(), SIGNER)
SLUGS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12)


@given(
    site=SLUGS,
    doors=st.lists(SLUGS, min_size=1, max_size=4),
    starts=st.lists(st.integers(0, 2**41), min_size=1, max_size=4),
    extended=st.booleans(),
    signer=st.sampled_from([SIGNER, NEXT]),
)
def test_what_is_signed_is_what_is_read(
    site: str, doors: list[str], starts: list[int], extended: bool, signer: Signer
) -> None:
    windows = [Window(start=start, end=start + 60_000) for start in starts]
    made = Token(id="0f" * 16, site=site, doors=doors, windows=windows, extended=extended)
    assert open_token(sign_token(made, signer), site, KEYS) == made


def test_an_ordinary_token_makes_a_small_qr_code() -> None:
    assert len(TEXT) <= 251  # version 11, level M, in byte mode
    largest = sign_token(token(doors=16, windows=1), SIGNER)
    assert len(largest) <= MAX_TEXT
    with pytest.raises(ValueError, match=f"{MAX_BODY} allowed"):
        sign_token(token(doors=16, windows=16), SIGNER)
    assert len(PREFIX) + -(-MAX_BODY * 4 // 3) + 1 + 86 == MAX_TEXT


def test_a_token_of_another_site_or_key_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="bad-signature"):
        open_token(TEXT, "other-town", KEYS)
    with pytest.raises(EnvelopeError, match="unknown-key"):
        open_token(sign_token(token(), STRANGER), SITE, KEYS)
    with pytest.raises(EnvelopeError, match="unknown-key"):
        open_token(TEXT, SITE, TrustedKeys([NEXT.public]))


def carried(body: bytes, signer: Signer = SIGNER, topic: str = f"token/{SITE}") -> str:
    """The text of any signed bytes."""
    header, _, _ = signer.seal(topic, body).partition(b"\n")
    signature = base64.b64decode(msgspec.json.decode(header, type=Header).sig)
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (body, signature))
    return PREFIX + ".".join(parts)


def test_a_signature_made_for_something_else_is_no_token() -> None:
    body = base64.urlsafe_b64decode(TEXT.split(".")[1] + "==")
    assert open_token(carried(body), SITE, KEYS) == token()
    for topic in (f"pleintemps/v1/{SITE}/entrance/command", "token/other-town", "token", ""):
        with pytest.raises(EnvelopeError, match="bad-signature"):
            open_token(carried(body, topic=topic), SITE, KEYS)


def test_signed_bytes_that_are_no_token_are_refused() -> None:
    kid = bytes.fromhex(SIGNER.kid)
    doors = ["hall"]
    for content in (
        b"\xc1",
        b"\x91" * 200,
        msgspec.msgpack.encode({}),
        msgspec.msgpack.encode([bytes(16), "other-town", doors, [0, 1], False]),
        msgspec.msgpack.encode([bytes(15), SITE, doors, [0, 1], False]),
        msgspec.msgpack.encode([bytes(16), SITE, [], [0, 1], False]),
        msgspec.msgpack.encode([bytes(16), SITE, doors, [0, 1, 2], False]),
        msgspec.msgpack.encode([bytes(16), SITE, doors, [1, 1], False]),
        msgspec.msgpack.encode([bytes(16), SITE, doors, [0, 1], False, "more"]),
    ):
        with pytest.raises(DecodeError):
            open_token(carried(kid + content), SITE, KEYS)


@given(st.data())
def test_no_changed_character_leaves_a_token_valid(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TEXT) - 1))
    other = data.draw(st.characters(exclude_characters=TEXT[place]))
    with pytest.raises(ContractError):
        open_token(TEXT[:place] + other + TEXT[place + 1 :], SITE, KEYS)


@given(st.text(max_size=600) | st.builds(lambda rest: PREFIX + rest, st.text(max_size=600)))
def test_hostile_text_raises_its_own_error_only(text: str) -> None:
    with pytest.raises(ContractError):
        open_token(text, SITE, KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        PREFIX + ".",
        TEXT + ".",
        TEXT + "=",
        TEXT + "\n",
        " " + TEXT,
        TEXT.lower(),
        TEXT.removeprefix(PREFIX),
        PREFIX + TEXT,
        TEXT[:-1],
        TEXT + "A",
        PREFIX + "A" * 5_000,
    ],
)
def test_almost_tokens(text: str) -> None:
    with pytest.raises(EnvelopeError):
        open_token(text, SITE, KEYS)


@given(code=st.text(string.digits, max_size=20), card=st.text(max_size=40))
def test_no_typed_code_is_a_card(code: str, card: str) -> None:
    assert card_text(card) != code
