"""The whole of a scenario's file, and the JSON Schema that is published of it."""

import json
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from .expectations import AnyExpectation
from .records import (
    AnyAct,
    BookingRecord,
    BuildingRecord,
    FaultRecord,
    Name,
    PeopleRecord,
    Record,
    RulesRecord,
    SoundRecord,
    Text,
    WeatherRecord,
)
from .times import Begin, Span

_MANY: Final = Meta(max_length=2_000)


class ScenarioFile(Record, frozen=True, kw_only=True):
    """A scenario of the Plein Temps simulator: a building, people, bookings, sounds, faults and what is
    expected of agents and gateway. ``repeat``, for a demo that goes on for ever, is from begin to
    begin.
    """

    scenario: Name
    title: Text
    about: Annotated[str, Meta(max_length=4_000)] = ""
    begins: Begin = "now"
    lasts: Span
    settle: Span = "2min"
    repeat: Span | None = None
    building: Name | BuildingRecord = "saint-aubin"
    rules: RulesRecord = RulesRecord()
    bookings: Annotated[tuple[BookingRecord, ...], _MANY] = ()
    people: Annotated[tuple[PeopleRecord, ...], _MANY] = ()
    sounds: Annotated[tuple[SoundRecord, ...], _MANY] = ()
    acts: Annotated[tuple[AnyAct, ...], _MANY] = ()
    faults: Annotated[tuple[FaultRecord, ...], _MANY] = ()
    weather: Annotated[tuple[WeatherRecord, ...], _MANY] = ()
    expect: Annotated[tuple[AnyExpectation, ...], _MANY] = ()


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of scenario files, for editors and other programs."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://pleintemps.example/schemas/scenario-1.json",
        **_whole(msgspec.json.schema(ScenarioFile)),
    }


def _whole(value: Any) -> Any:
    """Limits as 1, never 1.0: which of the two msgspec keeps hangs on who was imported first."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def schema_text() -> str:
    """The schema as it is published, byte for byte."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"
