"""Messages with codes, as the gateway leaves them."""

import json
from pathlib import Path

from pleintemps_firmware_sim.scenario.codes import Mailbox


def _leave(folder: Path, name: str, uid: str, code: str) -> None:
    message = {"site": "s", "booking": "b", "uid": uid, "code": code, "link": "l", "title": "T"}
    (folder / name).write_text(json.dumps(message))


def test_a_message_is_found_by_its_booking(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    assert mailbox.code_for("one@demo") is None
    _leave(tmp_path, "a.json", "one@demo#20261123T043000Z", "12345678")
    _leave(tmp_path, "b.json", "two@demo", "87654321")
    found = mailbox.code_for("one@demo")
    assert found is not None
    assert found.code == "12345678"
    assert mailbox.knows("87654321")
    assert not mailbox.knows("00000000")


def test_what_is_not_whole_yet_is_read_later(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"booking": "b", "ui')
    mailbox = Mailbox(tmp_path)
    assert mailbox.code_for("one@demo") is None
    _leave(tmp_path, "a.json", "one@demo", "12345678")
    assert mailbox.code_for("one@demo") is not None


def test_no_folder_yet_is_no_message(tmp_path: Path) -> None:
    assert Mailbox(tmp_path / "outbox").code_for("one@demo") is None
