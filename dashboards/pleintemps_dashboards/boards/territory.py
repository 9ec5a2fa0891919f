"""All sites at once: what is booked and what is really used."""

from pleintemps_dashboards.asking import ask, tabulate
from pleintemps_dashboards.parts import Column, Target, Text, bars, lines, states, table

from .common import AGENTS_LINK, SITE_LINK, THERE, Board, alerts, by


def board() -> Board:
    usage = {
        "booked": 'sum("booked_min") / 60',
        "used": 'sum("used_min") / 60',
        "share": 'sum("used_min") / sum("known_min")',
    }
    whole = Text("Jours en temps universel.", "Days are those of universal time.")
    return Board(
        Text("Plein Temps : territoire", "Plein Temps: territory"),
        Text(
            "Tous les sites : ce qui est réservé et ce qui est vraiment utilisé, présence, alertes, agents.",
            "All sites: what is booked and what is really used, presence, alerts, agents.",
        ),
        "now-30d",
        [
            bars(
                Text("Intensité d'usage", "Intensity of use"),
                Text(
                    f"Part du temps connu où les espaces d'un site ont vraiment servi, sur 24 heures. "
                    f"{whole.fr}",
                    f"Share of the known time in which the spaces of a site were really used, of 24 hours. "
                    f"{whole.en}",
                ),
                [Target(ask('sum("used_min") / sum("known_min")', "hours", (), "site", "1d"), by("site"))],
                "percentunit",
                stacked=False,
                high=1,
            ),
            bars(
                Text("Réservé et utilisé", "Booked and used"),
                Text(
                    f"Heures réservées et heures où quelqu'un était là, tous sites ensemble. {whole.fr}",
                    f"Hours that were booked and hours in which somebody was there, of all sites. {whole.en}",
                ),
                [
                    Target(ask('sum("booked_min") / 60', "hours", every="1d"), Text("réservé", "booked")),
                    Target(ask('sum("used_min") / 60', "hours", every="1d"), Text("utilisé", "used")),
                    Target(
                        ask('sum("both_min") / 60', "hours", every="1d"),
                        Text("réservé et utilisé", "booked and used"),
                    ),
                ],
                "h",
                stacked=False,
            ),
            bars(
                Text("Réservé sans personne", "Booked and nobody there"),
                Text(
                    f"Heures réservées où personne n'a été vu, par site ; l'inconnu y compte aussi. "
                    f"{whole.fr}",
                    f"Booked hours in which nobody was seen, by site; what is unknown counts too. {whole.en}",
                ),
                [
                    Target(
                        ask('(sum("booked_min") - sum("both_min")) / 60', "hours", (), "site", "1d"),
                        by("site"),
                    )
                ],
                "h",
            ),
            lines(
                Text("Présence par site", "Presence by site"),
                Text(
                    "Moyenne, sur les espaces d'un site, de la probabilité que quelqu'un y soit.",
                    "Mean over the spaces of a site of the probability that somebody is there.",
                ),
                [Target(ask('mean("probability")', "occupancy", (), "site"), by("site"))],
                "percentunit",
                low=0,
                high=1,
            ),
            table(
                Text("Usage par espace", "Use by space"),
                Text(
                    "Heures réservées, utilisées, et part du temps connu, sur la période choisie.",
                    "Hours booked, hours used, and share of the known time, over the range that is chosen.",
                ),
                tabulate(usage, "hours", (), "site space"),
                {
                    "site": Column(Text("Site", "Site")),
                    "space": Column(Text("Espace", "Space")),
                    "booked": Column(Text("Réservé", "Booked"), "h", 1),
                    "used": Column(Text("Utilisé", "Used"), "h", 1),
                    "share": Column(Text("Part", "Share"), "percentunit", 0),
                    "Time": Column(Text("Depuis", "From"), hidden=True),
                },
                half=False,
            ),
            alerts((), "site"),
            states(
                Text("Agents en ligne", "Agents on line"),
                Text(
                    "Muet dès qu'un agent du site ne répond pas dans l'intervalle.",
                    "Silent as soon as one agent of the site was not there in the interval.",
                ),
                Target(ask('min("online")', "agent", (), "site"), by("site")),
                THERE,
                height=9,
            ),
        ],
        [],
        [
            (SITE_LINK[0]._replace(fr="Un site", en="One site"), "site", False),
            (AGENTS_LINK[0], "agents", False),
        ],
    )
