"""Cards, tokens, duress and offline plans through a whole agent on a real broker."""

import asyncio
from pathlib import Path

import msgspec

from pleintemps_contract.agent_messages import AccessGranted, AccessRefused, ManifestResult, RefusalReason
from pleintemps_contract.credentials import card_text, hash_code, lookup
from pleintemps_contract.gateway_messages import (
    CredentialKind,
    Grant,
    GrantsPage,
    OfflineKeys,
    Schedule,
    Window,
)
from pleintemps_contract.offline import KeySeal, daily_key
from pleintemps_contract.tokens import Token, sign_token
from pleintemps_contract.wire import encode
from pleintemps_edge.access.grants import page_digest
from pleintemps_edge.drivers.base import CardRead, CodeTyped, TokenRead
from tests.support.broker import Mosquitto

from .actors import (
    AGENT,
    CODE,
    HASHES,
    PEPPER,
    SIGNER,
    SITE,
    Gateway,
    gateway_on,
    grant,
    mock_pins,
    running_agent,
    until,
    write_setup,
)

CARD = "w26:12:34567"
ALWAYS = Window(start=0, end=10**14)


def card_grant(**changes: object) -> Grant:
    value = lookup(PEPPER, hash_code(card_text(CARD), HASHES))
    made = msgspec.structs.replace(grant(), kind=CredentialKind.CARD, lookup=value, id="ca" * 16)
    return msgspec.structs.replace(made, **changes)


def offline(digits: int) -> OfflineKeys:
    sealed = KeySeal(PEPPER, SITE, AGENT).seal("gym", 20_000, [daily_key(b"s" * 32, 20_000)])
    return OfflineKeys(space="gym", doors=["hall"], digits=digits, first_day=20_000, sealed=sealed)


async def give(gateway: Gateway, page: GrantsPage) -> ManifestResult:
    """Publish a set that is this page alone; the agent's answer."""
    body = encode(page)
    await gateway.send_page(page_digest(body), body)
    manifest = await gateway.send_manifest(page_digest(body))

    def answer() -> ManifestResult | None:
        results = [each for each in gateway.responses if isinstance(each, ManifestResult)]
        return next((each for each in results if each.revision == manifest.revision), None)

    found = await until(answer)
    assert isinstance(found, ManifestResult)
    return found


def test_manifests_that_do_not_hold_together_are_refused_with_their_reason(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def story() -> None:
        config = write_setup(tmp_path, mosquitto.port)
        with mock_pins() as factory:
            async with gateway_on(mosquitto.port) as gateway, running_agent(config, factory):
                await until(lambda: gateway.births)
                guessable = GrantsPage(epoch=7, revision=1, grants=[], offline=[offline(10)])
                refused = await give(gateway, guessable)
                assert not refused.applied
                assert "hall: odds 4.7e-05" in refused.detail
                homeless = GrantsPage(
                    epoch=7, revision=1, grants=[card_grant(windows=[], schedules=["mornings"])]
                )
                refused = await give(gateway, homeless)
                assert not refused.applied
                assert "schedule mornings" in refused.detail
                sound = GrantsPage(
                    epoch=7,
                    revision=1,
                    grants=homeless.grants,
                    schedules=[Schedule(schedule="mornings", windows=[ALWAYS])],
                    offline=[offline(11)],
                )
                accepted = await give(gateway, sound)
                assert (accepted.applied, accepted.grants) == (True, 1)

    asyncio.run(story())


def test_cards_tokens_and_duress_arrive_at_the_gateway(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story() -> None:
        config = write_setup(tmp_path, mosquitto.port)
        with mock_pins() as factory:
            async with gateway_on(mosquitto.port) as gateway, running_agent(config, factory) as agent:
                await until(lambda: gateway.births)
                forced = msgspec.structs.replace(grant(), duress=True)
                await give(gateway, GrantsPage(epoch=7, revision=1, grants=[forced, card_grant()]))
                token = Token(id="7b" * 16, site=SITE, doors=["hall"], windows=[ALWAYS])
                observe, now = agent._router.observe, agent._world.monotonic()
                observe(CardRead("hall-keypad", CARD, now))
                await until(lambda: len(gateway.events(AccessGranted)) == 1)
                observe(TokenRead("hall-keypad", sign_token(token, SIGNER), now))
                await until(lambda: len(gateway.events(AccessGranted)) == 2)
                observe(CodeTyped("hall-keypad", CODE, now))
                await until(lambda: len(gateway.events(AccessGranted)) == 3)
                assert gateway.events(AccessGranted) == [
                    AccessGranted(door="hall", grant="ca" * 16),
                    AccessGranted(door="hall", grant=token.id),
                    AccessGranted(door="hall", grant=forced.id, duress=True),
                ]
                observe(CodeTyped("hall-keypad", card_text(CARD), now))
                observe(TokenRead("hall-keypad", "PT1.not.one", now))
                await until(lambda: len(gateway.events(AccessRefused)) == 2)
                reasons = {refused.reason for refused in gateway.events(AccessRefused)}
                assert reasons == {RefusalReason.UNKNOWN, RefusalReason.BAD_TOKEN}

    asyncio.run(story())
