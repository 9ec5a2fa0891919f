"""Texts of agents: whatever is no letter becomes a blank, everything else stays as it was told."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.agent_messages import DeviceHealth, EventRecord, EventsBatch, Health, PanelRefused
from pleintemps_contract.topics import Channel, Topic
from pleintemps_contract.wire import decode_agent
from pleintemps_gateway.ingest.clean import clean

TOPIC = Topic.of_agent("ecole", "entrance", Channel.EVENTS)
TEXT = st.text(max_size=60) | st.text(alphabet="\0\n\x1b\x7f\x85\u2028\u202e\u2066a\u00e9\u2026", max_size=20)


def payload(detail: str, reason: str, ascii_only: bool) -> bytes:
    head = {"at": 1, "trusted": True, "monotonic": 1, "boot": "b" * 32}
    events = [
        {"type": "device-health", "device": "pad", "health": "error", "detail": detail},
        {"type": "panel-refused", "panel": "alarm", "reason": reason},
    ]
    records = [head | {"seq": seq, "event": event} for seq, event in enumerate(events, start=1)]
    body = {"journal": "a" * 32, "first": 1, "records": records}
    return json.dumps(body, ensure_ascii=ascii_only).encode()


def told(batch: EventsBatch) -> tuple[str, str]:
    first, second = (record.event for record in batch.records)
    assert isinstance(first, DeviceHealth) and isinstance(second, PanelRefused)
    return first.detail, second.reason


@given(TEXT, TEXT, st.booleans())
def test_nothing_but_bad_letters_changes(detail: str, reason: str, ascii_only: bool) -> None:
    body = payload(detail, reason, ascii_only)
    batch = decode_agent(TOPIC, body)
    assert isinstance(batch, EventsBatch)
    cleaned, count = clean(batch, body)
    changed = 0
    for before, after in zip((detail, reason), told(cleaned), strict=True):
        assert len(before) == len(after)
        assert not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in after)
        assert all(new in (old, " ") for old, new in zip(before, after, strict=True))
        assert all(new == old for old, new in zip(before, after, strict=True) if old.isprintable())
        changed += before != after
    assert count == changed
    assert cleaned.records[0].boot == batch.records[0].boot


@pytest.mark.parametrize("text", ["", "plain", "é…", "a \\ b"])
def test_what_is_clean_is_not_touched(text: str) -> None:
    event = DeviceHealth(device="pad", health=Health.OK, detail=text)
    record = EventRecord(seq=1, at=1, trusted=True, monotonic=1, boot="b" * 32, event=event)
    batch = EventsBatch(journal="a" * 32, first=1, records=[record])
    cleaned, count = clean(batch, payload(text, text, ascii_only=True))
    assert (cleaned, count) == (batch, 0)
