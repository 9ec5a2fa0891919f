"""``pleintemps-gateway usage``: minutes of use, signed for another system, and the proof of such a file."""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pleintemps_gateway.config import load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    parser = commands.add_parser(
        "usage", help="minutes of use: export them signed, prove such a file", description="Minutes of use."
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    export = actions.add_parser(
        "export",
        help="print the records of a site, or write them with their signature",
        description="The records of a site. Printed: the signature's line, then the document. With --out: "
        "the document in FILE, its signature in FILE.sig.",
    )
    export.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    export.add_argument("--site", required=True, metavar="SITE")
    for name, meaning in (("from", "bookings from here on"), ("to", "bookings up to here")):
        export.add_argument(f"--{name}", dest=name, required=True, type=_moment, metavar="ISO", help=meaning)
    export.add_argument("--format", choices=("json", "csv"), default="json", help="json by default")
    export.add_argument(
        "--updated-after",
        type=_cursor,
        default=0,
        metavar="CURSOR",
        help="the cursor of an earlier document: only what is new or corrected since",
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="where to; printed without it")
    export.set_defaults(run=_export)
    verify = actions.add_parser(
        "verify",
        help="say whether a file is as a gateway has signed it",
        description="Say whether FILE is as a gateway has signed it: with FILE.sig, or as it was printed.",
    )
    verify.add_argument("file", type=Path, metavar="FILE")
    who = verify.add_mutually_exclusive_group(required=True)
    who.add_argument("--key", type=Path, metavar="PUB", help="the gateway's public key (PEM)")
    who.add_argument("--config", type=Path, metavar="TOML", help="this gateway's own configuration")
    verify.add_argument("--json", action="store_true", help="one JSON line")
    verify.set_defaults(run=_verify)
    public = actions.add_parser(
        "key",
        help="print the public key that proves the files",
        description="Print the public key (PEM) that proves the files; hand it over once, by a safe way.",
    )
    public.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    public.set_defaults(run=_key)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-11-23T18:00") from None


def _cursor(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise argparse.ArgumentTypeError(f"{text!r} is no cursor: a number, as a document has it")
    return int(text)


def _export(options: argparse.Namespace) -> int:
    from pleintemps_gateway.signing import load_signing
    from pleintemps_gateway.store.engine import migrate, open_engine

    from .document import encode, read_usage
    from .seal import SUFFIX, sign

    config = load(options.config)
    site = config.site(options.site)
    times = [vars(options)[name] for name in ("from", "to")]
    zone = ZoneInfo(site.zone)
    start, end = (round((t if t.tzinfo else t.replace(tzinfo=zone)).timestamp() * 1000) for t in times)
    if end <= start:
        raise SettingsError("--to: it is not after --from")
    signer = load_signing(Path(config.keys)).signer
    migrate(config.database_url)
    engine = open_engine(config.database_url)
    try:
        with engine.connect() as conn:
            document = read_usage(conn, site.site, start, end, options.updated_after)
    finally:
        engine.dispose()
    body = encode(document, options.format)
    header = sign(signer, body) + b"\n"
    if options.out is None:
        sys.stdout.buffer.write(header + body)
        sys.stdout.buffer.flush()
        return 0
    options.out.write_bytes(body)
    options.out.with_name(options.out.name + SUFFIX).write_bytes(header)
    print(f"{len(document.rows)} records, cursor {document.cursor}, signed by {signer.kid}", file=sys.stderr)
    return 0


def _key(options: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from pleintemps_gateway.signing import load_signing

    public = load_signing(Path(load(options.config).keys)).signer.public
    print(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")
    return 0


def _keys(options: argparse.Namespace) -> "list[Ed25519PublicKey]":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from pleintemps_gateway.signing import load_signing

    if options.key is None:
        return list(load_signing(Path(load(options.config).keys)).announced)
    try:
        key = load_pem_public_key(options.key.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{options.key}: not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"{options.key}: not an Ed25519 key")
    return [key]


def _verify(options: argparse.Namespace) -> int:
    from pleintemps_contract.errors import EnvelopeError

    from .seal import SUFFIX, prove

    keys = _keys(options)
    body = options.file.read_bytes()
    try:
        header = options.file.with_name(options.file.name + SUFFIX).read_bytes()
    except FileNotFoundError:
        header, _, body = body.partition(b"\n")
    try:
        kid, fault = prove(header, body, keys), ""
    except EnvelopeError as error:
        kid, fault = "", error.reason
    if options.json:
        print(json.dumps({"file": str(options.file), "signed": not fault, "kid": kid, "fault": fault}))
    elif fault:
        print(f"pleintemps-gateway: {options.file}: not as it was signed: {fault}", file=sys.stderr)
    else:
        print(f"{options.file}: as {kid} has signed it")
    return 1 if fault else 0
