"""One space closely."""

from typing import Final

from pleintemps_dashboards.asking import Query, ask
from pleintemps_dashboards.parts import Json, Target, Text, Variable, bars, lines, states

from .common import (
    AGENTS_LINK,
    SITE_LINK,
    SPACE,
    TERRITORY_LINK,
    Board,
    ages,
    alarms,
    alerts,
    by,
    contacts,
    presence,
    site_variable,
)

LIMIT_LINE: Final[Json] = {
    "matcher": {"id": "byFrameRefID", "options": "B"},
    "properties": [
        {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}},
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
        {"id": "custom.lineInterpolation", "value": "stepAfter"},
    ],
}


def board() -> Board:
    levels = (*SPACE, ("kind", "level|LAeq|LAFmax"))
    evidence = {
        value: (Text(str(value), str(value)), colour)
        for value, colour in enumerate(("green", "blue", "purple", "dark-blue"))
    }
    spaces = Query(
        'SHOW TAG VALUES FROM "occupancy" WITH KEY = "space" WHERE "site" =~ /^$site$/',
        'label_values(occupancy_state{site="$site"}, space)',
    )
    return Board(
        Text("Plein Temps : espace", "Plein Temps: space"),
        Text(
            "Un espace de près : niveau et limite, sonomètres, présence et ses indices, portes, alertes, "
            "âge des données.",
            "One space closely: level and limit, sound meters, presence and its evidence, doors, alerts, "
            "age of the data.",
        ),
        "now-24h",
        [
            lines(
                Text("Niveau et limite", "Level and limit"),
                Text(
                    "LAeq sur la fenêtre glissante et limite en vigueur, plus basse la nuit. Indicatif, au "
                    "capteur. Le plus haut de l'intervalle, jamais une moyenne de décibels.",
                    "LAeq over the sliding window and the limit in force, lower in quiet hours. "
                    "Indicative, at the sensor. The highest of the interval, never a mean of decibels.",
                ),
                [
                    Target(ask('max("laeq_db")', "noise", SPACE), Text("niveau (LAeq)", "level (LAeq)")),
                    Target(ask('min("limit_db")', "noise", SPACE), Text("limite", "limit")),
                ],
                "dB",
                overrides=[LIMIT_LINE],
            ),
            presence(SPACE, "space", Text("présence", "presence")),
            lines(
                Text("Sonomètres", "Sound meters"),
                Text(
                    "Valeurs telles que reçues de chaque capteur, en dB ou dB(A) selon la grandeur. Le "
                    "plus haut de l'intervalle, jamais une moyenne de décibels.",
                    "Values as received from each sensor, in dB or dB(A) as the quantity says. The highest "
                    "of the interval, never a mean of decibels.",
                ),
                [Target(ask('max("value")', "sound", levels, "sensor kind"), by("sensor", "kind"))],
                "dB",
                height=8,
            ),
            states(
                Text("Indices de présence", "Evidence of presence"),
                Text(
                    "Détecteurs infrarouges (0 rien, 1 mouvement) et radars (0 personne, 1 mouvement, 2 "
                    "immobile, 3 les deux). Le plus haut de l'intervalle.",
                    "Infrared detectors (0 nothing, 1 motion) and radars (0 nobody, 1 moving, 2 still, 3 "
                    "both). The highest of the interval.",
                ),
                Target(ask('max("value")', "presence", SPACE, "sensor kind"), by("sensor", "kind")),
                evidence,
            ),
            contacts(SPACE, by("sensor")),
            alarms(SPACE),
            bars(
                Text("Minutes utilisées par heure", "Minutes used per hour"),
                Text(
                    "De chaque heure les minutes réservées, et celles où quelqu'un était là. Corrigées "
                    "quand des données arrivent en retard.",
                    "Of each hour the minutes that were booked, and those in which somebody was there. "
                    "Corrected when data come late.",
                ),
                [
                    Target(ask('max("booked_min")', "hours", SPACE, every="1h"), Text("réservé", "booked")),
                    Target(ask('max("used_min")', "hours", SPACE, every="1h"), Text("utilisé", "used")),
                ],
                "m",
                stacked=False,
                high=60,
            ),
            alerts(SPACE, "kind"),
            ages(SPACE)._replace(half=False),
        ],
        [site_variable("occupancy", "state"), Variable("space", Text("Espace", "Space"), spaces)],
        [SITE_LINK, AGENTS_LINK, TERRITORY_LINK],
    )
