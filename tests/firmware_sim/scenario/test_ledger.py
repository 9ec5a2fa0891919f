"""The ledger is the witness: it agrees with equal figures and with nothing else."""

import json
from pathlib import Path

import pytest

from pleintemps_firmware_sim.scenario.ledger import Ledger


def _evening(path: Path | None = None) -> Ledger:
    ledger = Ledger(path)
    ledger.booked(1, "secretary", "hall")
    ledger.typed(2, "choir", "gate", valid=True)
    ledger.typed(3, "stranger", "gate", valid=False)
    ledger.alarming(4, "choir", "sings too loud", "hall", "noise")
    ledger.booking_over(5, "choir", "hall")
    return ledger


def test_it_agrees_with_what_was_done() -> None:
    ledger = _evening()
    summary = {**ledger.figures(), "readings": 77, "events": 9}
    assert ledger.figures() == {
        "bookings": 1,
        "alerts": 1,
        "codes_accepted": 1,
        "codes_refused": 1,
        "usage_records": 1,
    }
    assert ledger.agrees(summary, {"noise": 1})


@pytest.mark.parametrize("key", ["bookings", "alerts", "codes_accepted", "codes_refused", "usage_records"])
def test_one_figure_more_or_less_is_no_agreement(key: str) -> None:
    ledger = _evening()
    for difference in (-1, 1):
        summary = ledger.figures()
        summary[key] += difference
        assert not ledger.agrees(summary, {"noise": 1})


def test_the_kinds_of_alerts_have_to_be_the_same() -> None:
    assert not _evening().agrees(_evening().figures(), {"no-show": 1})


def test_acts_are_lines_without_any_code(tmp_path: Path) -> None:
    _evening(tmp_path / "ledger.jsonl")
    acts = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [act["what"] for act in acts] == [
        "booked",
        "typed a valid code",
        "typed a wrong code",
        "sings too loud",
        "booking over",
    ]
