"""What the pages say of noise, in both languages: every rule, and what stands beside a level."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, update

from pleintemps_gateway.store import schema

from . import town
from .test_pages import get, part, words

LOUD = {"level_db": 74.2, "limit_db": 65, "window_s": 900, "quiet": True, "coverage": 1.0}
EMERGENCE = {
    "rule": "emergence",
    "emergence_db": 8.4,
    "emergence_limit_db": 7.0,
    "octave": None,
    "amplified": False,
    "duration_s": 840,
    "correction_db": 4.0,
    "measured_on": "2026-05-01",
    "measured_by": "Cabinet Octave",
}


@pytest.mark.parametrize(
    ("facts", "in_french", "in_english"),
    [
        (
            {"rule": "limit", "warned_at": town.at("22:31"), "range": 2, "coverage": 0.6},
            "74 dB(A) sur 15 min, limite 65 en heures calmes. Le capteur a saturé : c'était plus fort. "
            "Mesuré pendant 60 % de ce temps. La salle a été avertie à 22:31.",
            "74 dB(A) over 15 min, limit 65 in quiet hours. The meter was overloaded: it was louder than "
            "that. Measured for 60% of that time. The room was warned at 22:31.",
        ),
        (
            {"rule": "limit", "reminders": 2, "reminded_at": town.at("22:50")},
            "Toujours trop fort, rappel 2 à 22:50.",
            "Still too loud, reminder 2 at 22:50.",
        ),
        (
            {"rule": "rise", "background_db": 33.9, "level_db": 58.0},
            "58 dB(A) sur 15 min en heures calmes sans réservation, 24 dB au-dessus du bruit de fond "
            "de cette salle.",
            "58 dB(A) over 15 min in quiet hours without a booking, 24 dB above this room's own background.",
        ),
        (
            {"rule": "public", "weighting": "C", "children": True, "level_db": 106.2, "limit_db": 104},
            "106 dB(C) sur 15 min : au-dessus des 104 dB(C) que la loi permet là où sont des enfants",
            "106 dB(C) over 15 min: above the 104 dB(C) that the law allows where children are (an indicator",
        ),
        (
            {"rule": "public", "weighting": "A", "children": False, "level_db": 103, "limit_db": 102},
            "au-dessus des 102 dB(A) que la loi permet là où est le public (indicateur",
            "above the 102 dB(A) that the law allows where the public is (an indicator",
        ),
        (
            EMERGENCE,
            "Émergence chez le voisin 8,4 dB, limite 7. Entendu là pendant 14 min : +4 dB. Indicateur, "
            "d'après la mesure du 2026-05-01 par Cabinet Octave.",
            "Emergence at the neighbour 8.4 dB, limit 7. Heard there for 14 min: +4 dB. An indicator, from "
            "the measurement of 2026-05-01 by Cabinet Octave.",
        ),
        (
            EMERGENCE | {"octave": 125, "amplified": True, "emergence_limit_db": 3.0},
            "Émergence chez le voisin 8,4 dB autour de 125 Hz, limite 3. Son amplifié : pas de correction",
            "Emergence at the neighbour 8.4 dB around 125 Hz, limit 3. Amplified sound: no correction",
        ),
    ],
)
def test_every_rule_has_its_sentence(
    app: FastAPI, engine: Engine, facts: dict[str, Any], in_french: str, in_english: str
) -> None:
    with engine.begin() as conn:
        mine = schema.alerts.c.alert == town.NOISE
        conn.execute(update(schema.alerts).where(mine).values(facts=json.dumps(LOUD | facts)))
    assert in_french in words(get(app))
    assert in_english in words(get(app, "/?lang=en"))


def test_an_alert_that_is_over_says_what_is_normal_again(app: FastAPI, engine: Engine) -> None:
    facts = LOUD | {"rule": "limit", "normal_db": 61.0}
    over = {"facts": json.dumps(facts), "state": "resolved", "resolved": town.at("22:40")}
    with engine.begin() as conn:
        conn.execute(update(schema.alerts).where(schema.alerts.c.alert == town.NOISE).values(**over))
    assert "Retour à la normale : 61 dB(A)." in words(get(app, f"/alerts/moulin/{town.NOISE}"))


def test_an_alert_that_nobody_could_follow_says_since_when(app: FastAPI, engine: Engine) -> None:
    facts = LOUD | {"rule": "limit", "unheard_since": town.at("22:40")}
    over = {"facts": json.dumps(facts), "state": "resolved", "resolved": town.at("22:55")}
    with engine.begin() as conn:
        conn.execute(update(schema.alerts).where(schema.alerts.c.alert == town.NOISE).values(**over))
    text = words(get(app, f"/alerts/moulin/{town.NOISE}"))
    assert "Pas de mesure depuis 22:40" in text.replace(" h ", ":").replace("22h40", "22:40")
    assert "Retour à la normale" not in text


def test_habitual_amplified_sound_is_something_to_watch(app: FastAPI, engine: Engine) -> None:
    told = {"kind": "amplified-habit", "rank": "watch", "facts": '{"days_year": 12, "days_month": 2}'}
    with engine.begin() as conn:
        conn.execute(update(schema.alerts).where(schema.alerts.c.alert == town.NOISE).values(**told))
    text = words(get(app))
    assert "Son amplifié fréquent" in text
    assert "Son amplifié 12 jours en 12 mois, 2 en 30 jours : habituel selon la loi" in text
    assert "Amplified sound on 12 days in 12 months, 2 in 30 days: habitual" in words(get(app, "/?lang=en"))


@pytest.mark.parametrize(
    ("row", "in_french", "in_english"),
    [
        ({"level_range": 1, "level_db": 33.0}, "< 33 dB(A)", "under the meter's floor"),
        ({"level_range": 2}, "capteur saturé", "> 74 dB(A)"),
        ({"background_db": 34.2}, "bruit de fond 34 dB(A)", "background 34 dB(A)"),
        ({"emergence_db": 3.5}, "émergence 3,5 dB (indicateur)", "emergence 3.5 dB (indicator)"),
        ({"warned_at": town.at("22:31")}, "salle avertie à 22:31", "room warned at 22:31"),
    ],
)
def test_a_space_shows_what_stands_beside_its_level(
    app: FastAPI, engine: Engine, row: dict[str, Any], in_french: str, in_english: str
) -> None:
    with engine.begin() as conn:
        studio = (schema.spaces.c.site == "moulin") & (schema.spaces.c.space == "studio")
        conn.execute(update(schema.spaces).where(studio).values(**row))
    assert in_french in words(part(get(app), "tile-moulin_studio"))
    assert in_english in words(part(get(app, "/?lang=en"), "tile-moulin_studio"))
