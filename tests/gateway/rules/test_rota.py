"""Who is on duty, hour by hour: shifts across midnight, exceptions, the nights of the clocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleintemps_gateway.alerts.rota import RotaConfig, on_duty

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp() * 1000)


ROTA = msgspec.convert(
    {
        "shifts": [
            {"days": ["mon", "tue", "wed", "thu"], "from": "18:00", "to": "07:00", "people": ["anne", "bob"]},
            {"days": ["fri", "sat", "sun"], "from": "18:00", "to": "18:00", "people": ["claire"]},
            {"days": ["thu"], "from": "20:00", "to": "23:00", "people": ["dora", "anne"]},
        ],
        "exceptions": [{"from": "2026-12-24T18:00", "to": "2026-12-25T07:00", "people": ["emma"]}],
        "last": ["maire", "anne"],
    },
    RotaConfig,
)


@pytest.mark.parametrize(
    ("when", "people"),
    [
        ("2026-11-19T17:59", ()),
        ("2026-11-19T18:00", ("anne", "bob")),
        ("2026-11-19T22:00", ("anne", "bob", "dora")),
        ("2026-11-20T06:59", ("anne", "bob")),  # of the evening before
        ("2026-11-20T07:00", ()),
        ("2026-11-21T12:00", ("claire",)),
        ("2026-12-24T22:00", ("emma",)),  # an exception is all there is
    ],
)
def test_who_is_on_duty(when: str, people: tuple[str, ...]) -> None:
    found = on_duty(ROTA, PARIS, at(when))
    assert found.people == people
    assert found.chain[: len(people)] == people and found.chain[-1] in ("maire", "anne")
    assert len(set(found.chain)) == len(found.chain)


def test_the_next_change_is_said() -> None:
    assert on_duty(ROTA, PARIS, at("2026-11-19T18:30")).until == at("2026-11-19T20:00")
    assert on_duty(ROTA, PARIS, at("2026-11-19T23:30")).until == at("2026-11-20T07:00")
    assert on_duty(RotaConfig(), PARIS, at("2026-11-19T23:30")).until is None


@given(st.integers(at("2026-10-20T00:00"), at("2026-10-30T00:00")))
def test_until_is_the_first_moment_at_which_it_differs(now: int) -> None:
    """Also in the week in which the clocks go back."""
    found = on_duty(ROTA, PARIS, now)
    assert found.until is not None and found.until > now
    assert on_duty(ROTA, PARIS, found.until).people != found.people
    for step in range(1, 20):
        between = now + (found.until - now) * step // 20
        assert on_duty(ROTA, PARIS, between).people == found.people
