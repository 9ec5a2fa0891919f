"""The agents of a site."""

from typing import Final

from pleintemps_dashboards.asking import ask, tabulate
from pleintemps_dashboards.parts import Column, Target, Text, lines, states, table

from .common import CLOCK, SITE, SITE_LINK, TERRITORY_LINK, THERE, TRUSTED, Board, by, site_variable

TOLD: Final = ("version", "certificate_days", "backlog", "ill")
NEWEST: Final = tabulate({name: f'last("{name}")' for name in TOLD}, "agent", SITE, "sensor", back="7d")


def board() -> Board:
    return Board(
        Text("Plein Temps : agents", "Plein Temps: agents"),
        Text(
            "Les agents d'un site : liaison, retard, horloge, appareils, versions. Dits chaque minute par la "
            "passerelle.",
            "The agents of a site: connection, backlog, clock, devices, versions. Told every minute by the "
            "gateway.",
        ),
        "now-24h",
        [
            states(
                Text("Liaison", "Connection"),
                Text(
                    "Muet si l'agent ne répondait pas à un moment de l'intervalle. Ses portes décident "
                    "seules.",
                    "Silent if the agent was away at any moment of the interval. Its doors decide by "
                    "themselves.",
                ),
                Target(ask('min("online")', "agent", SITE, "sensor"), by("sensor")),
                THERE,
            ),
            lines(
                Text("Temps de silence", "Silence"),
                Text(
                    "Temps écoulé depuis que la passerelle a entendu l'agent, au plus long de l'intervalle.",
                    "Time since the gateway heard of the agent, the longest of the interval.",
                ),
                [Target(ask('max("silent_s")', "agent", SITE, "sensor"), by("sensor"))],
                "s",
                height=8,
                low=0,
            ),
            lines(
                Text("Journal en retard", "Journal backlog"),
                Text(
                    "Enregistrements que l'agent garde encore et que la passerelle n'a pas reçus.",
                    "Records that the agent still holds and that the gateway has not received.",
                ),
                [Target(ask('max("backlog")', "agent", SITE, "sensor"), by("sensor"))],
                "short",
                height=8,
                low=0,
            ),
            lines(
                Text("Enregistrements perdus", "Records lost"),
                Text(
                    "Total de ceux que l'agent n'avait plus quand la passerelle les a demandés.",
                    "Sum of those that the agent no longer had when the gateway asked for them.",
                ),
                [Target(ask('max("lost")', "agent", SITE, "sensor"), by("sensor"))],
                "short",
                height=8,
                step=True,
                low=0,
            ),
            states(
                Text("Confiance dans l'horloge", "Trust in the clock"),
                Text(
                    "Sans heure sûre, les codes à heures sont refusés à ses portes.",
                    "Without trusted time the codes that have hours are refused at its doors.",
                ),
                Target(ask('min("clock_trusted")', "agent", SITE, "sensor"), by("sensor")),
                TRUSTED,
            ),
            states(
                Text("Source de l'heure", "Source of the time"),
                Text("Dernière source de chaque intervalle.", "Latest source of each interval."),
                Target(ask('last("clock")', "agent", SITE, "sensor"), by("sensor")),
                CLOCK,
            ),
            lines(
                Text("Appareils en panne", "Devices at fault"),
                Text(
                    "Appareils qui ne se disent pas en bon état, au plus de l'intervalle.",
                    "Devices that do not report themselves well, the most of the interval.",
                ),
                [Target(ask('max("ill")', "agent", SITE, "sensor"), by("sensor"))],
                "short",
                step=True,
                low=0,
            ),
            table(
                Text("Versions et certificats", "Versions and certificates"),
                Text(
                    "Ce que chaque agent a dit en dernier, depuis sept jours. 1002003 est la version 1.2.3.",
                    "What each agent told last, within seven days. 1002003 is version 1.2.3.",
                ),
                NEWEST,
                {
                    "sensor": Column(Text("Agent", "Agent")),
                    "version": Column(Text("Version", "Version"), decimals=0),
                    "certificate_days": Column(Text("Fin du certificat", "End of the certificate"), "d", 0),
                    "backlog": Column(Text("En retard", "Backlog"), "short", 0),
                    "ill": Column(Text("En panne", "At fault"), "short", 0),
                    "Time": Column(Text("Depuis", "From"), hidden=True),
                },
            ),
        ],
        [site_variable("agent", "online")],
        [SITE_LINK, TERRITORY_LINK],
    )
