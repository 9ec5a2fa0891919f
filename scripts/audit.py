"""Asks PyPI whether a known vulnerability is in what is locked, by pip-audit in an environment of its own.

    audit.py [--if-reachable]

Exit status: 0 nothing known, 1 vulnerable (a line each), 3 PyPI's list could not be asked; with
--if-reachable that is 0, and said in one line.
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "build/audit-tool"
LOCK = ROOT / "requirements.lock"
WANTED = "pip-audit>=2.10,<3"
PROBED = "cryptography"
NOT_ASKED = 3


class Verdict(NamedTuple):
    """``known``: a line for each vulnerability. ``unasked``: packages that the service did not answer for."""

    known: tuple[str, ...]
    unasked: tuple[str, ...]


def judge(report: dict[str, Any]) -> Verdict:
    """What a report of pip-audit (JSON) comes to."""
    known, unasked = [], []
    for package in report["dependencies"]:
        if "skip_reason" in package:
            unasked.append(package["name"])
        for each in package.get("vulns", ()):
            mended = ", ".join(each.get("fix_versions", ())) or "none"
            known.append(f"{package['name']} {package['version']}: {each['id']}, mended in: {mended}")
    return Verdict(tuple(known), tuple(unasked))


def reason_away() -> str:
    """Why PyPI's list cannot be asked; empty if it can. One request as the tool would make it, before it is
    fetched: a mirror may have the files and not the list.
    """
    found = re.search(rf"^{PROBED}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    version = found[1] if found else ""
    try:
        with urllib.request.urlopen(f"https://pypi.org/pypi/{PROBED}/{version}/json", timeout=10) as answer:
            return "" if "vulnerabilities" in json.load(answer) else "it tells no vulnerabilities"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__


def ask() -> dict[str, Any]:
    """The report; raises SystemExit where the tool cannot be had."""
    if not (TOOL / "bin/pip-audit").exists():
        venv.create(TOOL, with_pip=True)
        subprocess.run([TOOL / "bin/pip", "install", "--quiet", WANTED], check=True, stdout=sys.stderr)
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    command = [TOOL / "bin/pip-audit", "--requirement", LOCK, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SystemExit(f"audit: pip-audit: {last}") from None
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--if-reachable", action="store_true", help="say so and be content where PyPI is away"
    )
    options = parser.parse_args()
    away = reason_away()
    if away:
        print(f"audit: not done, PyPI's list of vulnerabilities cannot be asked: {away}")
        return 0 if options.if_reachable else NOT_ASKED
    verdict = judge(ask())
    for line in verdict.known:
        print(f"audit: {line}")
    if verdict.unasked:
        print(f"audit: nothing was said of {len(verdict.unasked)}: {', '.join(verdict.unasked[:10])}")
    if verdict.known:
        return 1
    if verdict.unasked:
        return NOT_ASKED
    print("audit: nothing known against what is locked")
    return 0


if __name__ == "__main__":
    sys.exit(main())
