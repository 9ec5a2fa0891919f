"""All spaces of a site."""

from pleintemps_dashboards.asking import ask
from pleintemps_dashboards.parts import Target, Text, lines, states

from .common import (
    AGENTS_LINK,
    OCCUPANCY,
    SITE,
    SPACE_LINK,
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


def board() -> Board:
    return Board(
        Text("Plein Temps : site", "Plein Temps: site"),
        Text(
            "Tous les espaces d'un site : bruit, présence, portes, alertes, âge des données.",
            "All spaces of a site: noise, presence, doors, alerts, age of the data.",
        ),
        "now-24h",
        [
            lines(
                Text("Niveau par rapport à la limite", "Level against limit"),
                Text(
                    "LAeq sur la fenêtre glissante de l'espace moins la limite en vigueur : au-dessus de "
                    "zéro, la limite est dépassée. Indicatif, au capteur. Le plus haut de l'intervalle, "
                    "jamais une moyenne de décibels.",
                    "LAeq over the space's sliding window minus the limit in force: above zero the limit is "
                    "exceeded. Indicative, at the sensor. The highest of the interval, never a mean of "
                    "decibels.",
                ),
                [Target(ask('max("laeq_db") - min("limit_db")', "noise", SITE, "space"), by("space"))],
                "dB",
            ),
            presence(SITE, "space", by("space")),
            states(
                Text("État des espaces", "State of the spaces"),
                Text("État le plus récent de chaque intervalle.", "Latest state of each interval."),
                Target(ask('last("state")', "occupancy", SITE, "space"), by("space")),
                OCCUPANCY,
                half=False,
            ),
            contacts(SITE, by("space", "sensor")),
            alarms(SITE),
            alerts(SITE, "kind"),
            ages(SITE),
        ],
        [site_variable("occupancy", "state")],
        [SPACE_LINK, AGENTS_LINK, TERRITORY_LINK],
    )
