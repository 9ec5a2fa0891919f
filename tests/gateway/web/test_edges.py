"""Days at the ends of the calendar are answered like any other nonsense: never by a fault of ours."""

import asyncio

from fastapi import FastAPI
from sqlalchemy import Engine

from .sessions import CSRF, visitor

DAYS = ("0001-01-01", "9999-12-31", "2026-02-30", "x")
PLACES = (
    "/matrix?span=dates&from={0}&to={1}",
    "/matrix.csv?span=dates&from={0}&to={1}",
    "/matrix?view=date&span=dates&from={0}&to={1}",
    "/api/v1/matrix?span=dates&from={0}&to={1}",
    "/audit?from={0}&to={1}",
    "/reports/{0}",
    "/free?day={0}&until={1}",
    "/free.csv?day={0}&until={1}",
    "/free.ics?day={0}",
    "/api/v1/free?day={0}&until={1}",
    "/usage?days=31",
    "/spaces/moulin/studio?range=year",
)
NUMBERS = ("0", "253402300799999", "-1", "9" * 30)
SPANS = (
    "/api/v1/bookings?from={0}&until={1}",
    "/api/v1/audit?from={0}&to={1}",
    "/api/v1/usage?from={0}&until={1}",
)


def test_no_day_or_moment_breaks_a_page(app: FastAPI, engine: Engine) -> None:
    async def story() -> list[str]:
        broken = []
        async with visitor(app, engine, "marion") as client:
            tried = {
                place.format(a, b)
                for place in PLACES
                for a, b in zip(DAYS, (*DAYS[1:], DAYS[0]), strict=True)
            }
            tried |= {place.format(day, day) for place in PLACES for day in DAYS[:2]}
            tried |= {span.format(a, b) for span in SPANS for a in NUMBERS for b in NUMBERS}
            for path in sorted(tried):
                if (status := (await client.get(path)).status_code) >= 500:
                    broken.append(f"{path}: {status}")
            for day in DAYS:
                fields = {"csrf": CSRF, "day": day, "begin": "10:00", "over": "09:00", "state": "empty"}
                answer = await client.post("/learnt/moulin/studio/marks", data=fields)
                if answer.status_code >= 500:
                    broken.append(f"a mark of {day}: {answer.status_code}")
        return broken

    assert "\n".join(asyncio.run(story())) == ""
