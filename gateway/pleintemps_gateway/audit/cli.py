"""``pleintemps-gateway audit``: prove the audit log, and read it."""

import argparse
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleintemps_gateway.config import GatewayConfig, load
from pleintemps_gateway.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from .chain import Verdict

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})\Z")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the gateway's parser."""
    audit = commands.add_parser(
        "audit", help="prove or read the audit log", description="The log of who did what."
    )
    actions = audit.add_subparsers(title="commands", metavar="COMMAND", required=True)
    text = "say whether every entry is as it was written; exit code 1 if one is not"
    verify = _add(actions, "verify", _verify, text)
    verify.add_argument(
        "--head",
        type=_head,
        metavar="SEQ:CHAIN",
        help="a head of --site that was noted elsewhere: it must stand in this log",
    )
    listing = _add(actions, "list", _list, "print the entries, the oldest first")
    listing.add_argument("--subject", default="", metavar="KIND/ID", help="such as booking/ID or door/gate")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    parser.add_argument("--site", metavar="SITE", help="one site; * is what concerns them all")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.set_defaults(run=run)
    return parser


def _head(text: str) -> tuple[int, str]:
    found = _HEAD.match(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no head: a number, a colon, 64 hexadecimal digits")
    return int(found[1]), found[2]


def _open(config: GatewayConfig) -> "Engine":
    from pleintemps_gateway.store.engine import migrate, open_engine

    migrate(config.database_url)
    return open_engine(config.database_url)


def _sites(config: GatewayConfig, wanted: str | None, known: list[str]) -> list[str]:
    """Those of the store beside those of the configuration: a log does not end with a line in a file."""
    sites = sorted({*known, *(site.site for site in config.sites)})
    if wanted is None:
        return sites
    if wanted not in sites:
        raise SettingsError(f"--site: no site is called {wanted!r}; there are: {', '.join(sites)}")
    return [wanted]


def _verify(options: argparse.Namespace) -> int:
    from pleintemps_gateway.signing import load_signing

    from .log import chain_at, check, public_keys, sites_of

    config = load(options.config)
    if options.head is not None and options.site is None:
        raise SettingsError("--head: name its --site")
    keys = public_keys(list(load_signing(Path(config.keys)).announced))
    engine = _open(config)
    verdicts: dict[str, Verdict] = {}
    try:
        with engine.connect() as conn:
            for site in _sites(config, options.site, sites_of(conn)):
                verdict = check(conn, site, keys)
                if options.head is not None and verdict.broken is None:
                    seq, chain = options.head
                    if chain_at(conn, site, seq) != chain:
                        verdict = verdict._replace(broken=seq, reason="it is not the head that was noted")
                verdicts[site] = verdict
    finally:
        engine.dispose()
    shown = _shown(verdicts)
    if options.json:
        print(json.dumps(shown))
    else:
        for site, verdict in verdicts.items():
            print(_sentence(site, verdict))
    return 0 if shown["broken"] is None else 1


def _shown(verdicts: "dict[str, Verdict]") -> dict[str, Any]:
    """Sums over the sites; ``broken`` and ``reason`` are those of the first site that is broken."""
    broken = next((verdict for verdict in verdicts.values() if verdict.broken is not None), None)
    found: dict[str, Any] = {
        "entries": sum(verdict.entries for verdict in verdicts.values()),
        "erased": sum(verdict.erased for verdict in verdicts.values()),
        "broken": None if broken is None else broken.broken,
        "reason": "" if broken is None else broken.reason,
        "heads": sum(verdict.heads for verdict in verdicts.values()),
        "unproved": sum(verdict.unproved for verdict in verdicts.values()),
    }
    found["sites"] = {
        site: {
            "entries": verdict.entries,
            "erased": verdict.erased,
            "broken": verdict.broken,
            "reason": verdict.reason,
            "heads": verdict.heads,
            "unproved": verdict.unproved,
            "head": f"{verdict.entries}:{verdict.head}",
        }
        for site, verdict in verdicts.items()
    }
    return found


def _sentence(site: str, verdict: "Verdict") -> str:
    if verdict.broken is not None:
        return f"{site}: broken at entry {verdict.broken}: {verdict.reason}"
    counts = f"{verdict.entries} entries, {verdict.erased} erased, {verdict.heads} signed heads"
    return (
        f"{site}: whole: {counts}, {verdict.unproved} not signed yet; head {verdict.entries}:{verdict.head}"
    )


def _list(options: argparse.Namespace) -> int:
    from .log import entries_about, sites_of

    config = load(options.config)
    engine = _open(config)
    found: list[dict[str, Any]] = []
    try:
        with engine.connect() as conn:
            for site in _sites(config, options.site, sites_of(conn)):
                for entry in entries_about(conn, site, options.subject):
                    fields = None if entry.fields is None else json.loads(entry.fields)
                    found.append(
                        {
                            "site": site,
                            "seq": entry.seq,
                            "at": entry.at,
                            "action": entry.action,
                            "subject": entry.subject,
                            "fields": fields,
                        }
                    )
    finally:
        engine.dispose()
    if options.json:
        print(json.dumps({"entries": found}, ensure_ascii=False))
        return 0
    for item in found:
        at = datetime.fromtimestamp(item["at"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = "erased" if item["fields"] is None else json.dumps(item["fields"], ensure_ascii=False)
        print(f"{at}  {item['site']}  {item['seq']}  {item['action']}  {item['subject']}  {said}")
    return 0
