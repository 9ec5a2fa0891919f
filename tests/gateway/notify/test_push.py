"""Web push to a real HTTP receiver that opens what it is sent with the browser's own keys."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import func, insert, select

from pleintemps_contract.errors import KeyFileError
from pleintemps_gateway.connections.guarded import Networks, Poster
from pleintemps_gateway.notify.push import public_key, vapid_key
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.engine import write_transaction

from .conftest import NOISE, Desk
from .receiver import Got, Receiver


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """What a browser keeps to itself of a subscription."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = name.encode().ljust(16, b"-")

    def subscribe(self, desk: Desk, port: int, person: str = "marion") -> None:
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        with write_transaction(desk.engine, ["*"]) as conn:
            conn.execute(
                insert(schema.push_subscriptions).values(
                    site="*",
                    subscription=self.name,
                    person=person,
                    endpoint=f"http://127.0.0.1:{port}/push/{self.name}",
                    p256dh=encoded(point),
                    auth=encoded(self.auth),
                    device="Firefox, Linux",
                    created=0,
                )
            )

    def open(self, got: Got) -> dict[str, Any]:
        assert got.headers["content-encoding"] == "aes128gcm"
        text = http_ece.decrypt(got.body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        found: dict[str, Any] = json.loads(text)
        return found


def pushed(receiver: Receiver) -> list[Got]:
    return [got for got in receiver.got if got.path.startswith("/push/")]


def rows(desk: Desk, table: Any) -> int:
    with desk.engine.connect() as conn:
        return int(conn.scalar(select(func.count()).select_from(table)) or 0)


def test_each_browser_opens_its_own_message_and_the_signature_is_ours(desk: Desk, receiver: Receiver) -> None:
    browsers = [Browser("one"), Browser("two")]
    for browser in browsers:
        browser.subscribe(desk, receiver.port)
    desk.tick()
    desk.later(10)  # camille has not taken it: marion is asked
    got = pushed(receiver)
    assert sorted(each.path for each in got) == ["/push/one", "/push/two"]
    for each, browser in zip(sorted(got, key=lambda found: found.path), browsers, strict=True):
        told = browser.open(each)
        assert told["title"] == "Alert: Too loud" and told["url"] == f"/alerts/moulin/{NOISE}"
        assert "74 dB(A)" in told["body"] and told["tag"] == NOISE
        assert each.headers["ttl"] == "3600" and each.headers["urgency"] == "high"
        assert b"74" not in each.body
        fields = dict(part.strip().split("=", 1) for part in each.headers["authorization"][6:].split(","))
        head, body, signature = fields["t"].split(".")
        assert fields["k"] == public_key(vapid_key(Path(desk.config.keys)))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(fields["k"]))
        raw = decoded(signature)
        halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(utils.encode_dss_signature(*halves), f"{head}.{body}".encode(), ec.ECDSA(SHA256()))
        assert json.loads(decoded(body))["aud"] == f"http://127.0.0.1:{receiver.port}"
    assert ("marion", "push", "sent") in desk.told()


def test_a_browser_that_has_ended_it_is_forgotten(desk: Desk, receiver: Receiver) -> None:
    for name in ("gone", "stays"):
        Browser(name).subscribe(desk, receiver.port, "camille")
    receiver.answers["/push/gone"] = 410
    desk.tick()
    assert rows(desk, schema.push_subscriptions) == 1
    assert ("camille", "push", "sent") in desk.told()  # one browser took it


def test_a_service_that_is_down_is_tried_again(desk: Desk, receiver: Receiver) -> None:
    Browser("slow").subscribe(desk, receiver.port, "camille")
    receiver.answers["/push/slow"] = 503
    desk.tick()
    waiting = next(row for row in desk.notices() if row.channel == "push")
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert waiting.error == "the push service said 503"
    receiver.answers.clear()
    desk.later(1)
    assert {row.state for row in desk.notices() if row.channel == "push"} == {"sent"}


def test_a_push_service_leads_neither_into_the_local_network_nor_elsewhere(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers["/push/moved"] = 307
    Browser("moved").subscribe(desk, receiver.port, "camille")
    desk.tick()
    sent = {row.channel: (row.state, row.error) for row in desk.notices() if row.person == "camille"}
    assert sent["push"] == ("failed", "the push service said 307")
    monkeypatch.setattr(desk.bell, "_poster", Poster(Networks(())))
    desk.set(NOISE, state="open", asked=None, due=None)
    receiver.got.clear()
    desk.later(60)
    assert pushed(receiver) == []
    last = [row for row in desk.notices() if row.channel == "push"][-1]
    assert (
        last.error
        == "the push service cannot be used: its name leads into a private network, which is not allowed"
    )


def test_who_has_no_account_any_more_is_not_told(desk: Desk, receiver: Receiver) -> None:
    Browser("old").subscribe(desk, receiver.port, "regard")  # of no account
    desk.tick()
    desk.later(10)
    desk.later(10)
    assert pushed(receiver) == [] and ("regard", "", "failed") in desk.told()


def test_the_key_is_made_once_and_kept_closed(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    first = public_key(vapid_key(tmp_path))
    assert public_key(vapid_key(tmp_path)) == first and len(decoded(first)) == 65
    file = tmp_path / "gateway/vapid.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and [each.name for each in file.parent.iterdir()] == [
        "vapid.key"
    ]
    file.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        vapid_key(tmp_path)
    file.write_bytes(b"nonsense")
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match="no key"):
        vapid_key(tmp_path)
    with pytest.raises(KeyFileError):
        vapid_key(tmp_path / "nowhere")
