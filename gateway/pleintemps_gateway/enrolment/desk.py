"""The desk: a TLS server where agents enrol and renew; one request a connection, one line each way.

Whoever connects may ask for the authority, and show a token. Renewing needs a certificate of the site, which
TLS has checked against the authority; revocation and name are checked for each request.
"""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from pleintemps_contract.enrolment import (
    MAX_LINE,
    Answer,
    AskAuthority,
    Authority,
    Confirm,
    Denied,
    Enrol,
    Renew,
    Request,
)
from pleintemps_contract.errors import ContractError
from pleintemps_contract.logs import line
from pleintemps_gateway.api.throttle import LoginThrottle
from pleintemps_gateway.errors import GatewayError, SettingsError

from .authority import load_authority
from .service import Office, peer_of
from .settings import EnrolmentConfig

PATIENCE_S: Final = 10
"""For the whole of a connection."""
MOST: Final = 64
MOST_EACH: Final = 8
"""Connections at a time, and of one address; the next one is hung up on."""
_GUESS: Final = "token"

_decoder: Final = msgspec.json.Decoder(Request)
_log: Final = logging.getLogger(__name__)


def server_context(keys: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client may show a certificate of the site, and none of anybody else. Raises
    SettingsError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        context.load_cert_chain(keys / "enrolment" / "desk.crt", keys / "enrolment" / "desk.key")
        context.load_verify_locations(keys / "site-ca" / "ca.crt")
    except (OSError, ssl.SSLError) as error:
        what = "repeat `init`, then start the gateway anew"
        raise SettingsError(f"{keys / 'enrolment'}: cannot be used ({error}): {what}") from error
    return context


class Desk:
    """Serves one gateway's agents."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._throttle = LoginThrottle()
        self._open: Counter[str] = Counter()

    async def serve(
        self, settings: EnrolmentConfig, stop: asyncio.Event, ready: Callable[[], None] = lambda: None
    ) -> None:
        """Until ``stop``; ``ready`` is called once it listens. Raises SettingsError, and OSError for a busy
        port.
        """
        context = server_context(self._office.keys)
        try:
            server = await asyncio.start_server(
                self._greet,
                settings.host or None,
                settings.port,
                ssl=context,
                ssl_handshake_timeout=PATIENCE_S,
                limit=MAX_LINE,
            )
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise OSError(f"enrolment.port: cannot listen on {where}: {error.strerror}") from error
        async with server:
            _log.info(line("enrolment-open", port=settings.port))
            ready()
            await stop.wait()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("",))[0])
        if self._open.total() >= MOST or self._open[address] >= MOST_EACH:
            writer.close()
            return
        self._open[address] += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = await reader.readline()
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                answer = await asyncio.to_thread(self.answer, said, address, shown)
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            return  # who hangs up, stays silent or says too much in a line is not answered
        except (GatewayError, ContractError) as error:
            _log.error(line("enrolment-failed", error=error))
        finally:
            self._open -= Counter({address: 1})
            writer.close()

    def answer(self, said: bytes, address: str, shown: bytes | None) -> Answer:
        """To one line of who has ``shown`` a certificate (DER) that TLS believes, or none; it blocks.

        Raises KeyFileError or StoreError where the gateway itself is ill.
        """
        try:
            request = _decoder.decode(said)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Denied(reason="request")
        if isinstance(request, AskAuthority):
            return Authority(certificate=load_authority(self._office.keys).pem, now=self._office.world.now())
        wait = self._throttle.begin(_GUESS, address, self._office.world.monotonic())
        if wait:
            return Denied(reason="wait", wait_s=-(-wait // 1000))
        answer = self._work(request, address, shown)
        if not isinstance(answer, Denied):
            self._throttle.succeeded(_GUESS, address)
        return answer

    def _work(self, request: Enrol | Renew | Confirm, address: str, shown: bytes | None) -> Answer:
        peer = peer_of(shown) if shown else None
        match request:
            case Enrol():
                return self._office.enrol(request.token, request.request, address)
            case Renew():
                return self._office.renew(peer, request.request, address)
            case Confirm():
                return self._office.confirm(peer)
