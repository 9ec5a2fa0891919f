"""The bill of materials and the check for known vulnerabilities."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    return script("sbom")


def test_the_bill_of_the_agent_has_what_is_brought_and_is_the_same_again(sbom: ModuleType) -> None:
    lock = sbom.BROUGHT["edge"]
    text = sbom.bill("pleintemps-edge", lock, set(), False)
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    names = {component["name"] for component in bill["components"]}
    assert names == {entry.name for entry in sbom.locked(lock)} and "msgspec" in names
    assert all(component["purl"].startswith("pkg:pypi/") for component in bill["components"])
    assert text == sbom.bill("pleintemps-edge", lock, set(), False)
    bill["components"][0]["type"] = "gadget"
    with pytest.raises(SystemExit, match=r"components/0/type"):
        sbom.check(bill)


def test_everything_that_is_locked_or_vendored_is_known(sbom: ModuleType) -> None:
    entries = list(sbom.locked(sbom.LOCK))
    assert len(entries) > 100 and all(entry.version and entry.hashes for entry in entries)
    brought = {entry.name for lock in sbom.BROUGHT.values() for entry in sbom.locked(lock)}
    assert brought - {"pip"} <= {entry.name for entry in entries}
    folders = {path.name for path in sbom.VENDOR.iterdir() if path.is_dir()}
    assert {f"{name}-{version}" for name, version, *_ in sbom.vendored()} == folders


def test_a_known_vulnerability_is_named_and_silence_is_no_answer() -> None:
    audit = script("audit")
    flaw = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
    report = {
        "dependencies": [
            {"name": "good", "version": "1.0", "vulns": []},
            {"name": "bad", "version": "1.0", "vulns": [flaw]},
            {"name": "odd", "skip_reason": "not found"},
        ]
    }
    verdict = audit.judge(report)
    assert verdict.known == ("bad 1.0: PYSEC-2026-1, mended in: 2.0",)
    assert verdict.unasked == ("odd",)
