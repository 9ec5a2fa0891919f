"""Usage handed on: exact bytes, signed; what was changed, cut or signed by another is refused in one line."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import insert, update

from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.cli import main
from pleintemps_gateway.signing import load_signing
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import bookings, usage
from pleintemps_gateway.usage.seal import prove
from pleintemps_gateway.users import put_user
from tests.gateway.house import HOUR, NOW, House, build
from tests.gateway.web.clients import browser

MINUTE = 60_000
FROM, TO = "2026-11-23T00:00+00:00", "2026-11-24T00:00+00:00"


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str) -> Iterator[House]:
    made = build(tmp_path, sqlite_url)
    yield made
    made.engine.dispose()


def record(house: House, name: str, start: int = NOW, **values: Any) -> None:
    booked = {"source": "rest", "uid": f"uid-{name}", "space": "hall", "title": "Anne Martin", "updated": 0}
    row = {"state": "ended", "occupied_ms": 50 * MINUTE + 59_999, "unknown_ms": 2 * MINUTE, "settled_at": NOW}
    with write_transaction(house.engine, ["ecole"]) as conn:
        conn.execute(
            insert(bookings).values(
                site="ecole", booking=name * 32, start=start, end=start + HOUR, status="confirmed", **booked
            )
        )
        times = {"booked_from": start, "booked_to": start + HOUR, "closed_at": start + HOUR, "since": start}
        conn.execute(
            insert(usage).values(
                site="ecole", booking=name * 32, space="hall", confidence=0.9, **(row | times | values)
            )
        )


def export(house: House, *more: str, out: Path | None = None) -> int:
    arguments = [
        "usage",
        "export",
        "--config",
        str(house.file),
        "--site",
        "ecole",
        "--from",
        FROM,
        "--to",
        TO,
    ]
    return main([*arguments, *more, *(["--out", str(out)] if out else [])])


@pytest.fixture
def public(house: House) -> Path:
    key = load_signing(Path(house.config.keys)).signer.public
    path = house.file.parent / "gateway.pub"
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    capsys.readouterr()
    assert main(["usage", "verify", *arguments]) == code
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and told.err.startswith("pleintemps-gateway: ")
    return told.err


def test_minutes_without_a_name_signed(
    house: House, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(house, "a", planned_to=NOW + 2 * HOUR, overstay_ms=61_000)
    record(house, "b", NOW + 2 * HOUR, settled_at=None)  # not worked out yet
    out = house.file.parent / "usage.json"
    assert export(house, out=out) == 0
    document = json.loads(out.read_bytes())
    (row,) = document.pop("rows")
    assert document["schema"] == "pleintemps-usage/1" and document["cursor"] == NOW
    assert (row["booked_min"], row["present_min"], row["unknown_min"]) == (120, 50, 2)
    assert (row["released_min"], row["overstay_min"], row["revision"]) == (60, 1, 0)
    assert b"Anne" not in out.read_bytes()
    assert main(["usage", "verify", str(out), "--key", str(public)]) == 0
    assert main(["usage", "verify", str(out), "--config", str(house.file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["signed"] is True
    before = out.read_bytes()
    assert export(house, out=out) == 0
    assert out.read_bytes() == before  # the same rows, the same bytes


def test_what_is_printed_proves_itself(
    house: House, public: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    record(house, "a")
    assert export(house, "--format", "csv") == 0
    printed = capfdbinary.readouterr().out
    file = house.file.parent / "printed"
    file.write_bytes(printed)
    assert main(["usage", "verify", str(file), "--key", str(public)]) == 0
    (row,) = csv.DictReader(io.StringIO(printed.partition(b"\n")[2].decode()))
    assert (row["uid"], row["present_min"], row["site"]) == ("uid-a", "50", "ecole")


def test_a_changed_byte_another_key_a_cut_file(
    house: House, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(house, "a")
    out = house.file.parent / "usage.json"
    export(house, out=out)
    good = out.read_bytes()
    for changed in (good.replace(b'"present_min":50', b'"present_min":51'), good[:-1], b"", good + b"\n"):
        out.write_bytes(changed)
        assert "bad-signature" in refused(capsys, 1, str(out), "--key", str(public))
    out.write_bytes(good)
    other = house.file.parent / "other.pub"
    key = Ed25519PrivateKey.generate().public_key()
    other.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "unknown-key" in refused(capsys, 1, str(out), "--key", str(other))
    header = out.with_name("usage.json.sig")
    whole = header.read_bytes()
    header.write_bytes(whole[:40])
    assert "bad-header" in refused(capsys, 1, str(out), "--key", str(public))
    header.unlink()
    assert refused(capsys, 1, str(out), "--key", str(public))
    other.write_bytes(b"no key")
    assert "not a public key" in refused(capsys, 2, str(out), "--key", str(other))
    refused(capsys, 1, str(out.with_name("nothing")), "--key", str(public))


def test_corrected_rows_come_again_after_the_cursor(house: House) -> None:
    record(house, "a", settled_at=NOW + 1)
    record(house, "b", NOW + HOUR, settled_at=NOW + 2)
    out = house.file.parent / "usage.json"
    export(house, "--updated-after", str(NOW + 2), out=out)
    assert json.loads(out.read_bytes())["rows"] == []
    with write_transaction(house.engine, ["ecole"]) as conn:
        mine = usage.c.booking == "a" * 32
        conn.execute(update(usage).where(mine).values(revision=1, settled_at=NOW + 3))
    export(house, "--updated-after", str(NOW + 2), out=out)
    document = json.loads(out.read_bytes())
    assert [(row["booking"], row["revision"]) for row in document["rows"]] == [("a" * 32, 1)]
    assert document["cursor"] == NOW + 3


@pytest.mark.parametrize(
    "wrong",
    [["--site", "nowhere"], ["--to", "2026-11-22T00:00+00:00"], ["--updated-after", "yesterday"]],
)
def test_what_cannot_be_asked_is_a_mistake(
    house: House, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    try:
        code = export(house, *wrong)
    except SystemExit as error:  # argparse
        code = int(str(error.code))
    assert code == 2
    assert capsys.readouterr().out == ""


def test_a_program_reads_the_same_signed_bytes(house: House) -> None:
    record(house, "a")
    put_user(house.engine, "*", "camille", "a long password here", "viewer", house.world)
    app = create_app(house.config, house.world, house.engine, house.desk)
    keys = load_signing(Path(house.config.keys)).announced

    async def story() -> None:
        async with browser(app) as client:
            path = "/api/v1/sites/ecole/usage"
            assert (await client.get(path)).status_code == 401
            login = {"name": "camille", "password": "a long password here"}
            token = (await client.post("/api/v1/sessions", json=login)).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            answer = await client.get(path, params={"from": NOW, "to": NOW + HOUR})
            assert answer.status_code == 200
            prove(answer.headers["Pleintemps-Signature"].encode(), answer.content, keys)
            assert [row["booking"] for row in answer.json()["rows"]] == ["a" * 32]
            table = await client.get(path, params={"from": NOW, "to": NOW + HOUR, "format": "csv"})
            assert table.headers["content-type"].startswith("text/csv")
            prove(table.headers["Pleintemps-Signature"].encode(), table.content, keys)
            assert (await client.get("/api/v1/sites/nowhere/usage")).status_code == 404
            for name in "bcde":
                record(house, name, settled_at=NOW + ord(name))
            taken, ask = [], {"from": NOW, "to": NOW + HOUR, "limit": 2, "updated_after": 0}
            while ask:
                page = await client.get(path, params=ask)
                prove(page.headers["Pleintemps-Signature"].encode(), page.content, keys)
                taken += [row["booking"][0] for row in page.json()["rows"]]
                following = page.headers.get("Pleintemps-More")
                assert page.json()["more"] is (following is not None)
                ask = ask | {"updated_after": following} if following else {}
            assert taken == list("abcde")
            for wrong in ({"limit": 0}, {"limit": 10_001}, {"updated_after": -1}, {"updated_after": "x"}):
                assert (await client.get(path, params=wrong)).status_code == 422

    asyncio.run(story())
