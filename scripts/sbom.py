"""Writes bills of materials (CycloneDX 1.6, JSON) from the lock files and the vendored code of the browser.

    sbom.py [FOLDER]        build/sbom by default

`pleintemps.cdx.json` has all that is locked; what only development and tests need has the scope "excluded".
`pleintemps-gateway.cdx.json` and `pleintemps-edge.cdx.json` have what the installed packages bring. The same
locks give the same bytes.
"""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import cyclonedx
import jsonschema_rs
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "gateway/pleintemps_gateway/web/static/vendor"
LOCK = ROOT / "requirements.lock"
BROUGHT = {program: ROOT / f"scripts/deb/{program}.lock" for program in ("gateway", "edge")}
_NAMESPACE = uuid.UUID("5b1f7a52-6f1c-5f0e-9a52-0d7c1a3b6a11")


class Locked(NamedTuple):
    """One line of a lock: ``marker`` says where it counts, ``hashes`` are SHA-256 of its files."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def locked(lock: Path) -> Iterator[Locked]:
    for line in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            head, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
            what, _, marker = (part.strip() for part in head.partition(";"))
            name, _, version = what.partition("==")
            yield Locked(
                name.strip(), version.strip(), marker, tuple(sorted(each.strip() for each in hashes))
            )


def vendored() -> Iterator[tuple[str, str, str, str, tuple[str, ...]]]:
    """Package, version, source, licence and sums from the table beside the files."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for line in (VENDOR / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and re.fullmatch(r"[0-9a-f]{64}", cells[4]):
            name, version = cells[1].split(",")[0].split()
            rows.setdefault((name, version, cells[2], cells[3]), []).append(cells[4])
    for (name, version, source, licence), sums in rows.items():
        yield name, version, source, licence, tuple(sorted(sums))


def sums_of(hashes: tuple[str, ...]) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes]


def licence_of(name: str) -> str:
    """The SPDX expression that the installed package names; empty where there is none."""
    try:
        return metadata.metadata(name).get("License-Expression") or ""
    except metadata.PackageNotFoundError:
        return ""


def component(entry: Locked, needed: bool) -> Component:
    licence = licence_of(entry.name)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{entry.name}/{entry.version}/"),
        hashes=sums_of(entry.hashes),
    )
    purl = PackageURL("pypi", None, entry.name, entry.version)
    return Component(
        name=entry.name,
        version=entry.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        scope=ComponentScope.REQUIRED if needed else ComponentScope.EXCLUDED,
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
        external_references=[files],
        properties=[Property(name="pleintemps:marker", value=entry.marker)] if entry.marker else [],
    )


def browser_component(name: str, version: str, source: str, licence: str, sums: tuple[str, ...]) -> Component:
    purl = PackageURL("npm", None, name, version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=XsUri(source), hashes=sums_of(sums)
    )
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        scope=ComponentScope.REQUIRED,
        licenses=[LicenseFactory().make_from_string(licence)],
        external_references=[files],
    )


def bill(name: str, lock: Path, needed: set[str], browser: bool) -> str:
    """The document as text, proved against the schema; raises SystemExit for one that does not hold."""
    version = metadata.version("pleintemps")
    own = PackageURL("pypi", None, "pleintemps", version)
    root = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=str(own), purl=own)
    parts = [component(entry, entry.name in needed) for entry in locked(lock)]
    if browser:
        parts += [browser_component(*each) for each in vendored()]
    bom = Bom(components=parts)
    bom.metadata.component = root
    bom.register_dependency(root, parts)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    # no moment of making and no chance: who builds it again gets the same
    document["metadata"].pop("timestamp", None)
    body = json.dumps(document | {"serialNumber": ""}, sort_keys=True)
    document["serialNumber"] = uuid.uuid5(_NAMESPACE, body).urn
    check(document)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def check(document: dict[str, Any]) -> None:
    """Raises SystemExit with the first thing that the schema of CycloneDX 1.6 does not allow."""
    folder = Path(cyclonedx.__file__).parent / "schema" / "_res"

    def schema(stem: str) -> Any:
        return json.loads((folder / f"{stem}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))

    others = {
        f"http://cyclonedx.org/schema/{stem}.SNAPSHOT.schema.json": schema(stem)
        for stem in ("spdx", "jsf-0.82")
    }
    validator = jsonschema_rs.Draft7Validator(
        schema("bom-1.6"), retriever=lambda uri: others[uri.partition("#")[0]], validate_formats=True
    )
    for error in validator.iter_errors(document):
        place = "/".join(map(str, error.instance_path))
        raise SystemExit(f"sbom: {place}: {error.message[:300]}")


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "build/sbom"
    folder.mkdir(parents=True, exist_ok=True)
    brought = {program: {entry.name for entry in locked(lock)} for program, lock in BROUGHT.items()}
    everything = set().union(*brought.values())
    bills = [("pleintemps", LOCK, everything, True)]
    bills += [
        (f"pleintemps-{each}", lock, brought[each], each == "gateway") for each, lock in BROUGHT.items()
    ]
    for name, lock, needed, browser in bills:
        target = folder / f"{name}.cdx.json"
        text = bill(name, lock, needed, browser)
        target.write_text(text, encoding="utf-8")
        print(f"{target}: {len(json.loads(text)['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
