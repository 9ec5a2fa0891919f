"""Tokens, certificates and shutting out, on store and key folder. Everything here blocks for milliseconds.

Certificates are checked by machines against their own clocks, so their times, and those of tokens, are the
machine's: a simulated clock concerns doors and bookings only.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from pleintemps_contract.enrolment import (
    Answer,
    Confirmed,
    Denied,
    Enrolled,
    EnrolmentToken,
    Renewed,
    make_token,
    token_hash,
)
from pleintemps_contract.identifiers import unreserved_slug
from pleintemps_contract.world import SystemWorld, World
from pleintemps_gateway.audit.log import EVERY_SITE, record
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import SettingsError
from pleintemps_gateway.keys import load_purpose
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import enrolments, shut_out

from . import roster
from .authority import load_authority, pem_of
from .rules import Invitation, Verdict, invite, present
from .settings import EnrolmentConfig

TRUST: Final = "trust"
"""Kind in the change feed: who is known has changed, or a secret of doors; the key is the agent."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Peer(NamedTuple):
    """The certificate that a client has proved to hold: whose it is, and its number."""

    site: str
    agent: str
    serial: int


def settings_of(config: GatewayConfig) -> EnrolmentConfig | None:
    """The desk's configuration, None where there is no desk."""
    if config.enrolment is not None:
        return config.enrolment
    return EnrolmentConfig() if config.mqtt.url.startswith("mqtts://") else None


def broker_url(config: GatewayConfig) -> str:
    """How agents reach the broker; raises SettingsError where they cannot, over TLS."""
    settings = settings_of(config)
    url = (settings.broker if settings else "") or config.mqtt.url
    if settings is None or not url.startswith("mqtts://"):
        raise SettingsError(
            "agents enrol at a broker with TLS: set [mqtt] url, or [enrolment] broker, to mqtts://"
        )
    return url


def is_local(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def peer_of(certificate: bytes) -> Peer | None:
    """Whose certificate (DER) that is; None for one that is no agent's."""
    found = x509.load_der_x509_certificate(certificate)
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    site, slash, agent = str(names[0].value).partition("/") if names else ("", "", "")
    return Peer(site, agent, found.serial_number) if slash and agent else None


class Office:
    """One gateway's: ``house`` is the World of its records, ``world`` that of the machine."""

    def __init__(
        self, config: GatewayConfig, engine: Engine, house: World, world: World | None = None
    ) -> None:
        self.config = config
        self.keys = Path(config.keys)
        self.world = SystemWorld() if world is None else world
        self._engine = engine
        self._house = house

    # --- tokens ---------------------------------------------------------------------------------------

    def invite(self, site: str, agent: str, valid_ms: int, by: str) -> tuple[EnrolmentToken, int]:
        """A token for ``agent`` and when it ends; an earlier one of the agent is worth nothing any more.

        Raises SettingsError, KeyFileError, IdentifierError.
        """
        broker_url(self.config)
        unreserved_slug(agent)
        there = {name: home for home, name in roster.known_agents(self.keys)}
        if there.get(agent, site) != site:
            raise SettingsError(f"an agent of site {there[agent]!r} is called {agent!r}: choose another name")
        now = self.world.now()
        try:
            made = invite(site, agent, valid_ms, now)
        except ValueError as error:
            raise SettingsError(f"--valid: {error}") from error
        token = make_token(self.world.random_bytes(16), load_authority(self.keys).der)
        table = enrolments.c
        with write_transaction(self._engine, [site]) as conn:
            gone = (table.agent == agent) | (table.expires <= now)
            conn.execute(delete(enrolments).where(table.site == site, gone))
            row = {"site": site, "agent": agent, "made": now, "expires": made.expires}
            conn.execute(insert(enrolments).values(token_hash=token.hash, **row))
            facts = {"by": by, "until": made.expires}
            record(conn, site, self._house, "agent.invited", f"agent/{agent}", facts)
        return token, made.expires

    # --- what agents ask at the desk -------------------------------------------------------------------

    def enrol(self, text: str, request: str, address: str) -> Answer:
        """Somebody shows a token and wants a certificate for their key."""
        public = _public_key(request)
        key = "" if public is None else hashlib.sha256(_raw(public)).hexdigest()
        row, verdict = self._present(text, key)
        if public is None or row is None or verdict in (Verdict.EXPIRED, Verdict.USED):
            reason = "token" if row is None else "request" if public is None else str(verdict)
            self._refused(row, reason, address)
            return Denied(reason=reason)
        site, agent = str(row.site), str(row.agent)
        with roster.locked(self.keys):
            authority = load_authority(self.keys)
            earlier = roster.serials_of(self.keys, authority, site, agent)
            pepper = roster.admit(self.keys, site, agent, self.world, anew=verdict is Verdict.ISSUE)
            settings = settings_of(self.config) or EnrolmentConfig()
            made = authority.agent(site, agent, public, settings.days, self.world, "enrolled")
            roster.keep_certificate(self.keys, agent, made)
            authority.revoke(earlier, self.world)
            left = roster.tell_broker(self.config)
        with write_transaction(self._engine, [site]) as conn:
            facts = {"address": address, "serial": f"{made.serial_number:x}", "broker": left or "told"}
            record(conn, site, self._house, "agent.enrolled", f"agent/{agent}", facts)
            note_let_in(conn, site, agent, self._house.now())
        signing = load_signing(self.keys)
        return Enrolled(
            site=site,
            agent=agent,
            purpose=load_purpose(self.keys),
            pepper=pepper,
            gateway_keys=[base64.b64encode(each.public_bytes_raw()).decode() for each in signing.lasting],
            certificate=pem_of(made),
            broker=broker_url(self.config),
        )

    def renew(self, peer: Peer | None, request: str, address: str) -> Answer:
        """An agent wants its next certificate under the present one, which goes on counting."""
        public = _public_key(request)
        if peer is None or not self.is_good(peer):
            self._refused(None, "certificate", address)
            return Denied(reason="certificate")
        if public is None:
            return Denied(reason="request")
        with roster.locked(self.keys):
            if not self.is_good(peer):
                return Denied(reason="certificate")
            settings = settings_of(self.config) or EnrolmentConfig()
            authority = load_authority(self.keys)
            made = authority.agent(peer.site, peer.agent, public, settings.days, self.world, "renewed")
            roster.keep_certificate(self.keys, peer.agent, made)
        with write_transaction(self._engine, [peer.site]) as conn:
            facts = {"address": address, "serial": f"{made.serial_number:x}"}
            record(conn, peer.site, self._house, "agent.renewed", f"agent/{peer.agent}", facts)
        return Renewed(certificate=pem_of(made))

    def confirm(self, peer: Peer | None) -> Answer:
        """An agent tries a certificate."""
        return Confirmed() if peer is not None and self.is_good(peer) else Denied(reason="certificate")

    def is_good(self, peer: Peer) -> bool:
        """Whether a certificate of our authority counts: not revoked, its agent known."""
        if peer.serial in load_authority(self.keys).revoked():
            return False
        return (peer.site, peer.agent) in roster.known_agents(self.keys)

    def _present(self, text: str, key: str) -> tuple[Row[Any] | None, Verdict]:
        """The row of a token, used up now if it may be: before anything is given, so it is given once."""
        hashed = token_hash(text)
        with self._engine.connect() as conn:
            row = conn.execute(select(enrolments).where(enrolments.c.token_hash == hashed)).first()
        if row is None or not key:
            return row, Verdict.EXPIRED
        with write_transaction(self._engine, [row.site]) as conn:
            mine = (enrolments.c.site == row.site) & (enrolments.c.token_hash == hashed)
            row = conn.execute(select(enrolments).where(mine)).first()
            if row is None:
                return None, Verdict.EXPIRED
            was = Invitation(
                site=row.site,
                agent=row.agent,
                made=row.made,
                expires=row.expires,
                used=row.used,
                key=row.key_hash or "",
            )
            then, verdict = present(was, key, self.world.now())
            if then != was:
                conn.execute(update(enrolments).where(mine).values(used=then.used, key_hash=then.key))
        return row, verdict

    def _refused(self, row: Row[Any] | None, reason: str, address: str) -> None:
        """Write into the audit log who was turned away; never with what they showed."""
        site, subject = (EVERY_SITE, "agent/unknown") if row is None else (row.site, f"agent/{row.agent}")
        with write_transaction(self._engine, [site]) as conn:
            record(conn, site, self._house, "agent.refused", subject, {"address": address, "reason": reason})

    # --- shutting out ---------------------------------------------------------------------------------

    def shut_out(self, site: str, agent: str, reason: str, by: str, *, stolen: bool) -> tuple[int, str]:
        """Shut an agent out for good: how many certificates count no more, and a line with what is left to do
        at the broker (empty: nothing). Again does no harm.
        """
        with roster.locked(self.keys):
            count = roster.shut_out(self.keys, site, agent, self.world)
            left = roster.tell_broker(self.config)
        now = self._house.now()
        with write_transaction(self._engine, [site]) as conn:
            conn.execute(delete(enrolments).where(enrolments.c.site == site, enrolments.c.agent == agent))
            note_shut_out(conn, site, agent, reason, now, stolen=stolen)
            action = "agent.stolen" if stolen else "agent.revoked"
            facts = {"by": by, "reason": reason, "certificates": count, "broker": left or "told"}
            record(conn, site, self._house, action, f"agent/{agent}", facts)
            record_change(conn, site, TRUST, agent, now)
        return count, left


def note_shut_out(conn: Connection, site: str, agent: str, reason: str, now: int, *, stolen: bool) -> None:
    """A row of ``shut_out`` in force; one that stands becomes stolen if it was not."""
    mine = (shut_out.c.site == site) & (shut_out.c.agent == agent)
    standing = mine & shut_out.c.ended.is_(None)
    if conn.execute(select(shut_out.c.at).where(standing)).first() is not None:
        if stolen:
            conn.execute(update(shut_out).where(standing).values(stolen=True, reason=reason[:200]))
        return
    conn.execute(insert(shut_out).values(site=site, agent=agent, at=now, reason=reason[:200], stolen=stolen))


def note_let_in(conn: Connection, site: str, agent: str, now: int) -> None:
    """An agent of this name is known: whoever was shut out under it is so no more; ingest takes notice."""
    mine = (shut_out.c.site == site) & (shut_out.c.agent == agent) & shut_out.c.ended.is_(None)
    conn.execute(update(shut_out).where(mine).values(ended=now))
    record_change(conn, site, TRUST, agent, now)


def _public_key(request: str) -> ec.EllipticCurvePublicKey | None:
    """The key of a certificate request that proves to hold it; None for anything but EC P-256."""
    try:
        found = x509.load_pem_x509_csr(request.encode())
        public = found.public_key()
        if not found.is_signature_valid:
            return None
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        return None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        return None
    return public


def _raw(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
