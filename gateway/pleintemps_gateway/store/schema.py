"""Every table of the store, SQLite and PostgreSQL alike. Every key begins with ``site``; times are Unix ms.

Enumerations are the contract's strings. What belongs to a person stands in ``bookings``, ``credentials`` and
``users`` only; events carry grant ids.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

metadata: Final = MetaData()
_Ms = BigInteger


def _site() -> Column[str]:
    return Column("site", String(40), nullable=False)


# One row a site: who rules it. ``revision`` counts every message signed in this epoch.
reigns = Table(
    "reigns",
    metadata,
    _site(),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("started", _Ms, nullable=False),
    PrimaryKeyConstraint("site"),
)

# The change feed: what the web tier follows. ``seq`` rises within a site in the order of commits; ``kind``
# names a table, ``key`` its row. Series say so at a birth only: their youngest values come with ``spaces``.
changes = Table(
    "changes",
    metadata,
    _site(),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(120), nullable=False),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "seq"),
)

# When house-keeping last believed its clock: a clock that leaps must not make anything old.
housekeeping = Table(
    "housekeeping",
    metadata,
    _site(),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site"),
)

agents = Table(
    "agents",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("boot", String(32)),
    Column("version", String(200)),
    Column("presence", String(10), nullable=False),  # online, offline, never
    Column("last_seen", _Ms),
    Column("born_at", _Ms),
    Column("clock", String(12)),
    Column("clock_trusted", Boolean),
    Column("grants_epoch", BigInteger),
    Column("grants_revision", BigInteger),
    Column("grants_detail", String(200)),
    Column("command_counter", BigInteger, nullable=False, server_default="0"),
    Column("storage", Text),  # JSON list of the birth's StorageInfo
    Column("keys", Text),  # JSON list of the key ids that the agent believes
    Column("certificate_until", _Ms),
    # remote configuration: what was published last (JSON; NULL: never anything), what the agent said of it
    Column("config", Text),
    Column("config_epoch", BigInteger),
    Column("config_revision", BigInteger),
    Column("config_applied", Boolean),
    Column("config_detail", String(200)),
    PrimaryKeyConstraint("site", "agent"),
)

devices = Table(
    "devices",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("driver", String(40), nullable=False),
    Column("health", String(10), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "agent", "device"),
)

doors = Table(
    "doors",
    metadata,
    _site(),
    Column("door", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("mode", String(12), nullable=False),
    Column("physical", String(12), nullable=False),
    Column("lock", String(12), nullable=False),
    Column("alarm", String(20), nullable=False),
    Column("fire", Boolean, nullable=False, server_default=false()),
    Column("since", _Ms),  # of the present physical state
    Column("at", _Ms),  # youngest record about this door
    PrimaryKeyConstraint("site", "door"),
)

# The building's own intrusion alarms, as their agents tell of them.
panels = Table(
    "panels",
    metadata,
    _site(),
    Column("panel", String(40), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("state", String(8), nullable=False),  # unknown, set, unset, alarm
    Column("ready", Boolean),
    Column("at", _Ms, nullable=False),
    Column("asked", _Ms),  # when the rule asked for it to be set last
    PrimaryKeyConstraint("site", "panel"),
)

series = Table(
    "series",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("series", String(40), nullable=False),
    Column("device", String(40), nullable=False),
    Column("space", String(40), nullable=False),
    Column("quantity", String(12), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("max_silence_s", Integer, nullable=False),
    Column("last_value", Float),
    Column("last_at", _Ms),
    PrimaryKeyConstraint("site", "agent", "series"),
)

# One row a journal: how far it is stored, what is known to be lost.
journals = Table(
    "journals",
    metadata,
    _site(),
    Column("journal", String(32), nullable=False),
    Column("stream", String(8), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("through", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("site", "journal", "stream"),
)

events = Table(
    "events",
    metadata,
    _site(),
    Column("journal", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("agent", String(40), nullable=False),
    Column("boot", String(32), nullable=False),
    Column("at", _Ms, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("monotonic", BigInteger, nullable=False),
    Column("received", _Ms, nullable=False),
    Column("type", String(24), nullable=False),
    Column("door", String(40)),
    Column("body", Text, nullable=False),  # the event as JSON of the contract
    PrimaryKeyConstraint("site", "journal", "seq"),
    Index("events_by_time", "site", "at"),
    Index("events_by_door", "site", "door", "at"),
)

# Raw samples as received columns: append only, deduplicated by the journal's ``through``.
sample_batches = Table(
    "sample_batches",
    metadata,
    _site(),
    Column("journal", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("agent", String(40), nullable=False),
    Column("base", _Ms, nullable=False),
    Column("readings", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("sample_batches_by_time", "site", "base"),
)

# Levels are merged by energy (sum of 10^(L/10)), states by time on: never average decibels.
minutes = Table(
    "minutes",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("series", String(40), nullable=False),
    Column("minute", _Ms, nullable=False),
    Column("count", Integer, nullable=False),
    Column("total", Float, nullable=False),
    Column("energy", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    PrimaryKeyConstraint("site", "agent", "series", "minute"),
)

# A space as it is believed now, and every change of that belief.
spaces = Table(
    "spaces",
    metadata,
    _site(),
    Column("space", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # occupied, vacant, unknown
    Column("probability", Float),
    Column("since", _Ms, nullable=False),
    Column("at", _Ms, nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("evidence_at", _Ms),
    Column("level_db", Float),  # LAeq over the space's noise window
    Column("level_coverage", Float),
    Column("level_at", _Ms),
    Column("limit_db", Float),
    Column("quiet", Boolean),
    PrimaryKeyConstraint("site", "space"),
)

occupancy = Table(
    "occupancy",
    metadata,
    _site(),
    Column("space", String(40), nullable=False),
    Column("since", _Ms, nullable=False),
    Column("state", String(10), nullable=False),
    Column("probability", Float),
    Column("evidence", String(200), nullable=False),
    PrimaryKeyConstraint("site", "space", "since"),
)

bookings = Table(
    "bookings",
    metadata,
    _site(),
    Column("booking", String(32), nullable=False),
    Column("source", String(40), nullable=False),  # feed slug, or "rest"
    Column("uid", String(400), nullable=False),  # of the source, one per occurrence
    Column("space", String(40), nullable=False),
    Column("title", String(200), nullable=False),
    Column("people", Integer),  # expected
    Column("start", _Ms, nullable=False),
    Column("end", _Ms, nullable=False),
    Column("status", String(10), nullable=False),  # confirmed, cancelled
    Column("updated", _Ms, nullable=False),
    Column("group", String(40)),  # of ``groups``
    Column("withheld", String(24)),  # why there is no code: unknown-group, no-convention, no-insurance ...
    Column("override_by", String(80)),  # a manager's word for what is missing
    Column("override_reason", String(300)),
    Column("planned_end", _Ms),  # where a release has shortened it
    Column("released", _Ms),
    Column("left", _Ms),  # its people said that they had gone
    Column("warned", _Ms),  # nobody was there, and they were told that the space would be released
    Column("kept", _Ms),  # they, or a caretaker, said that it was wanted
    Column("amplified", Boolean, nullable=False, server_default=false()),  # music through loudspeakers
    PrimaryKeyConstraint("site", "booking"),
    Index("bookings_by_uid", "site", "source", "uid", unique=True),
    Index("bookings_by_time", "site", "start"),
)

# Who is told about a booking: of its source, or of the form it was made with. Erased with the booking.
contacts = Table(
    "contacts",
    metadata,
    _site(),
    Column("booking", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    PrimaryKeyConstraint("site", "booking"),
)

# Associations and others who use rooms under a convention. ``site`` is ``*`` for a group of every site.
groups = Table(
    "groups",
    metadata,
    _site(),
    Column("group", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("contact", String(200), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    Column("convention_until", _Ms),
    Column("insurance_until", _Ms),
    Column("briefed", _Ms),  # of the safety briefing
    Column("people", Integer),  # at most
    Column("reminded", _Ms),
    Column("updated", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "group"),
)

# Recurring rights: of staff, and of professionals who come to many places.
rights = Table(
    "rights",
    metadata,
    _site(),
    Column("right", String(32), nullable=False),
    Column("person", String(200), nullable=False),
    Column("mail", String(254), nullable=False),
    Column("phone", String(40), nullable=False),
    Column("language", String(2), nullable=False),
    Column("kind", String(12), nullable=False),  # code, staff-code, card, staff-card, token
    Column("spaces", Text, nullable=False),  # JSON list of slugs
    Column("rule", Text, nullable=False),  # JSON: days, from, to in the site's zone
    Column("extended", Boolean, nullable=False),
    Column("valid_from", _Ms, nullable=False),
    Column("valid_until", _Ms, nullable=False),
    Column("ended", _Ms),
    Column("updated", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "right"),
)

# The secret of each space for offline codes, sealed with the gateway's sealing key.
space_secrets = Table(
    "space_secrets",
    metadata,
    _site(),
    Column("space", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("site", "space"),
)

# What people are to be told. ``sealed`` holds the whole message until a channel has accepted it.
deliveries = Table(
    "deliveries",
    metadata,
    _site(),
    Column("delivery", String(32), nullable=False),
    Column("booking", String(32)),
    Column("right", String(32)),
    Column("template", String(24), nullable=False),
    Column("channel", String(8), nullable=False),  # mail, sms, spool
    Column("state", String(8), nullable=False),  # queued, sent, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", _Ms, nullable=False),
    Column("sealed", LargeBinary),
    Column("error", String(200)),
    Column("created", _Ms, nullable=False),
    Column("done", _Ms),
    PrimaryKeyConstraint("site", "delivery"),
    Index("deliveries_by_state", "site", "state", "due"),
    Index("deliveries_by_booking", "site", "booking"),
)

# Calls that carried an Idempotency-Key: what they asked for, as a digest, and which booking came of it.
calls = Table(
    "calls",
    metadata,
    _site(),
    Column("key", String(200), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("booking", String(32), nullable=False),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "key"),
    Index("calls_by_time", "site", "at"),
    Index("calls_by_booking", "site", "booking"),
)

# What webhooks told, one row a name of the source; ``body`` is the record of that source as JSON.
hooked = Table(
    "hooked",
    metadata,
    _site(),
    Column("feed", String(40), nullable=False),
    Column("uid", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", _Ms, nullable=False),
    Column("ends", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "feed", "uid"),
)

# The audit log: a hash chain over ``H(salt, fields)``; erasure takes both, and the chain still holds.
audit = Table(
    "audit",
    metadata,
    _site(),
    Column("seq", BigInteger, nullable=False),
    Column("at", _Ms, nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(120), nullable=False),  # kind/id; never a person
    Column("salt", LargeBinary),
    Column("fields", Text),  # JSON: who, and whatever is personal
    Column("digest", String(64), nullable=False),
    Column("chain", String(64), nullable=False),
    PrimaryKeyConstraint("site", "seq"),
    Index("audit_by_subject", "site", "subject"),
    Index("audit_by_time", "site", "at"),
)

# The head of the chain, signed each day.
audit_heads = Table(
    "audit_heads",
    metadata,
    _site(),
    Column("seq", BigInteger, nullable=False),
    Column("at", _Ms, nullable=False),
    Column("chain", String(64), nullable=False),
    Column("kid", String(16), nullable=False),
    Column("signature", String(88), nullable=False),
    PrimaryKeyConstraint("site", "seq"),
)

# What was erased, as keyed hashes: no source, and no back-up, brings it back. Says nothing without the key.
erasures = Table(
    "erasures",
    metadata,
    _site(),
    Column("erasure", String(32), nullable=False),
    Column("kind", String(8), nullable=False),  # booking, uid, mail, group, right
    Column("mark", String(64), nullable=False),
    Column("at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "erasure"),
    Index("erasures_by_mark", "site", "kind", "mark"),
)

# A booking beside what was measured.
usage = Table(
    "usage",
    metadata,
    _site(),
    Column("booking", String(32), nullable=False),
    Column("space", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # expected, arrived, in-use, left, ended, no-show, cancelled
    Column("since", _Ms, nullable=False),
    Column("arrived_at", _Ms),
    Column("left_at", _Ms),
    Column("occupied_ms", BigInteger, nullable=False, server_default="0"),
    Column("unknown_ms", BigInteger, nullable=False, server_default="0"),
    Column("overstay_ms", BigInteger, nullable=False, server_default="0"),
    Column("closed_at", _Ms),  # set once: the record is final
    Column("revision", Integer, nullable=False, server_default="0"),  # late data have corrected it so often
    Column("confidence", Float),  # share of the booked time about which something is known, weighed
    Column("evidence", String(200), nullable=False, server_default=""),
    Column("people", Integer),  # the most that sensors told of, where they can tell
    PrimaryKeyConstraint("site", "booking"),
)

# ``grant`` is what events name. The code is encrypted under a key derived from the secret link of the
# booking's page, of which only a hash is here; the argon2id hash is sealed with the gateway's sealing key.
credentials = Table(
    "credentials",
    metadata,
    _site(),
    Column("grant", String(32), nullable=False),
    Column("booking", String(32)),
    Column("kind", String(12), nullable=False),
    Column("salt_id", String(40), nullable=False),
    Column("sealed_hash", LargeBinary, nullable=False),
    Column("uniqueness", String(64), nullable=False),  # keyed hash of the digits: live codes are distinct
    Column("encrypted_code", LargeBinary, nullable=False),
    Column("link_hash", String(64), nullable=False),
    Column("created", _Ms, nullable=False),
    Column("rests_until", _Ms),  # set when freed: digits are not drawn again before
    Column("right", String(32)),
    Column("purpose", String(12), nullable=False, server_default="main"),  # main, extra, offline, one-time
    Column("label", String(80)),  # of one of several codes of a group
    Column("once", Boolean, nullable=False, server_default=false()),
    Column("duress", Boolean, nullable=False, server_default=false()),
    Column("extended", Boolean, nullable=False, server_default=false()),
    # where it is not the booking's own: a one-time code, the quarter hours of an offline code
    Column("start", _Ms),
    Column("end", _Ms),
    Column("index", Integer),
    Column("digits", Integer),  # of a typed code: how easily it is guessed
    PrimaryKeyConstraint("site", "grant"),
    Index("credentials_by_booking", "site", "booking"),
    Index("credentials_by_right", "site", "right"),
    Index("credentials_by_end", "site", "end"),
    Index("credentials_unique", "site", "uniqueness", unique=True),
    Index("credentials_by_link", "site", "link_hash", unique=True),
)

# What each agent should hold: a credential at doors in a window, and since which revision of its manifest.
grants = Table(
    "grants",
    metadata,
    _site(),
    Column("agent", String(40), nullable=False),
    Column("grant", String(32), nullable=False),
    Column("doors", Text, nullable=False),  # JSON list of slugs
    Column("start", _Ms, nullable=False),
    Column("end", _Ms, nullable=False),
    Column("windows", Text),  # JSON list of [start, end] where it is not one window alone
    Column("schedule", String(40)),  # instead of windows
    Column("page", Integer, nullable=False),
    # (epoch, revision) of the manifest that first held it as it is now; epoch 2**53 until there is one
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "agent", "grant"),
)

salts = Table(
    "salts",
    metadata,
    _site(),
    Column("salt_id", String(40), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("memory_kib", Integer, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("lanes", Integer, nullable=False),
    PrimaryKeyConstraint("site", "salt_id"),
)

# Asked for by the web tier, signed and sent by ingest.
commands = Table(
    "commands",
    metadata,
    _site(),
    Column("command", String(32), nullable=False),
    Column("agent", String(40), nullable=False),
    Column("door", String(40), nullable=False),
    Column("action", String(24), nullable=False),
    Column("user", String(80), nullable=False),
    Column("requested", _Ms, nullable=False),
    Column("expires", _Ms, nullable=False),
    Column("sent", _Ms),
    Column("answered", _Ms),
    Column("outcome", String(20), nullable=False),  # requested, sent, done, refused, no-answer
    Column("refusal", String(40)),
    PrimaryKeyConstraint("site", "command"),
    Index("commands_by_outcome", "site", "outcome"),
)

# ``subject`` makes an alert unique while it is not resolved: kind + what it is about.
alerts = Table(
    "alerts",
    metadata,
    _site(),
    Column("alert", String(32), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("rank", String(6), nullable=False),  # alert, watch
    Column("subject", String(120), nullable=False),
    Column("space", String(40)),
    Column("door", String(40)),
    Column("agent", String(40)),
    Column("booking", String(32)),
    Column("state", String(12), nullable=False),  # open, acknowledged, resolved
    Column("opened", _Ms, nullable=False),
    Column("acknowledged", _Ms),
    Column("acknowledged_by", String(80)),
    Column("comment", String(500)),
    Column("resolved", _Ms),
    Column("facts", Text, nullable=False),  # JSON: figures for the sentence that each language makes
    PrimaryKeyConstraint("site", "alert"),
    Index("alerts_by_state", "site", "state"),
    Index("alerts_by_subject", "site", "subject"),
)

# Counted refusals: malformed messages, unknown agents, broken events of a calendar.
refusals = Table(
    "refusals",
    metadata,
    _site(),
    Column("source", String(120), nullable=False),  # topic, feed or form
    Column("reason", String(200), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", _Ms, nullable=False),
    Column("last_at", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "source", "reason"),
)

feeds = Table(
    "feeds",
    metadata,
    _site(),
    Column("feed", String(40), nullable=False),
    Column("tried", _Ms),
    Column("good", _Ms),  # last time it was read
    Column("etag", String(200)),
    Column("bookings", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("error", String(200)),
    PrimaryKeyConstraint("site", "feed"),
)

# ``site`` is ``*`` for people who look after every site of this gateway.
users = Table(
    "users",
    metadata,
    _site(),
    Column("name", String(80), nullable=False),
    Column("password", String(200), nullable=False),  # argon2id, encoded
    Column("role", String(12), nullable=False),  # caretaker, manager, tester, viewer
    Column("created", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "name"),
)

sessions = Table(
    "sessions",
    metadata,
    _site(),
    Column("token_hash", String(64), nullable=False),
    Column("name", String(80), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created", _Ms, nullable=False),
    Column("expires", _Ms, nullable=False),
    PrimaryKeyConstraint("site", "token_hash"),
)
