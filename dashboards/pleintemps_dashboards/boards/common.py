"""What several dashboards share: how they ask, the words of states, panels."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pleintemps_dashboards.asking import Query, Table, Where, ask, conditions, labels
from pleintemps_dashboards.parts import (
    Column,
    Panel,
    Target,
    Text,
    Variable,
    bars,
    lines,
    states,
    table,
)


class Board(NamedTuple):
    """``time`` is the range at first, ``links`` are (title, dashboard, whether it has a site)."""

    title: Text
    about: Text
    time: str
    panels: Sequence[Panel]
    variables: Sequence[Variable]
    links: Sequence[tuple[Text, str, bool]]


SITE: Final[Where] = (("site", "$site"),)
SPACE: Final[Where] = (*SITE, ("space", "$space"))
OCCUPANCY: Final = {
    -1: (Text("inconnu", "unknown"), "#8e8e8e"),
    0: (Text("libre", "vacant"), "green"),
    1: (Text("occupé", "occupied"), "blue"),
}
CONTACT: Final = {
    0: (Text("fermé", "closed"), "green"),
    1: (Text("ouvert", "open"), "orange"),
}
ALARM: Final = {
    0: (Text("normal", "normal"), "green"),
    1: (Text("forcée", "forced open"), "red"),
    2: (Text("ouverte trop longtemps", "open too long"), "orange"),
}
THERE: Final = {
    0: (Text("muet", "silent"), "red"),
    1: (Text("en ligne", "on line"), "green"),
}
TRUSTED: Final = {
    0: (Text("douteuse", "not trusted"), "red"),
    1: (Text("sûre", "trusted"), "green"),
}
CLOCK: Final = {
    0: (Text("aucune", "none"), "red"),
    1: (Text("passerelle", "gateway"), "blue"),
    2: (Text("NTP", "NTP"), "green"),
    3: (Text("horloge à pile", "battery clock"), "dark-green"),
    4: (Text("simulée", "simulated"), "purple"),
}
TERRITORY_LINK: Final = (Text("Le territoire", "The territory"), "territory", False)
SITE_LINK: Final = (Text("Tout le site", "The whole site"), "site", True)
SPACE_LINK: Final = (Text("Un espace", "One space"), "space", True)
AGENTS_LINK: Final = (Text("Les agents", "The agents"), "agents", True)


def by(*tags: str) -> Text:
    name = " ".join(f"$tag_{tag}" for tag in tags)
    return Text(name, name)


def presence(where: Where, tags: str, alias: Text) -> Panel:
    return lines(
        Text("Probabilité de présence", "Probability of presence"),
        Text(
            "Probabilité que l'espace soit occupé, telle que la passerelle l'estime ; absente quand l'état "
            "est inconnu.",
            "Probability that the space is occupied as the gateway believes it; absent while the state is "
            "unknown.",
        ),
        [Target(ask('mean("probability")', "occupancy", where, tags), alias)],
        "percentunit",
        step=True,
        low=0,
        high=1,
    )


def contacts(where: Where, alias: Text) -> Panel:
    return states(
        Text("Contacts des portes", "Door contacts"),
        Text(
            "Ouvert si le contact l'a été à un moment de l'intervalle.",
            "Open if the contact was open at any moment of the interval.",
        ),
        Target(ask('max("value")', "contact", where, "space sensor"), alias),
        CONTACT,
    )


def alarms(where: Where) -> Panel:
    return states(
        Text("Alarmes des portes", "Door alarms"),
        Text(
            "Écrites à chaque changement : l'état vaut jusqu'au suivant. L'alarme la plus haute de "
            "l'intervalle.",
            "Written at each change: a state lasts until the next one. The highest alarm of the interval.",
        ),
        Target(ask('max("alarm")', "door", where, "sensor"), by("sensor")),
        ALARM,
        gap=False,
    )


def alerts(where: Where, tag: str) -> Panel:
    return bars(
        Text("Alertes", "Alerts"),
        Text(
            "Nombre d'alertes ouvertes et résolues dans chaque intervalle. L'état actuel et l'acquittement "
            "sont dans Plein Temps.",
            "Number of alerts opened and resolved in each interval. Their present state and "
            "acknowledgement are in Plein Temps.",
        ),
        [
            Target(
                ask('sum("opened")', "alerts", where, tag),
                Text(f"ouverte : $tag_{tag}", f"opened: $tag_{tag}"),
            ),
            Target(
                ask('sum("resolved")', "alerts", where, tag),
                Text(f"résolue : $tag_{tag}", f"resolved: $tag_{tag}"),
            ),
        ],
        "short",
        decimals=0,
    )


def ages(where: Where) -> Panel:
    where = (*where, ("kind", "level|LAeq|motion|radar|contact"))
    what = 'SELECT last("value") AS "value" FROM "sound","presence","contact"'
    query = f'{what} WHERE {conditions(where)}time > now() - 7d GROUP BY "space","sensor","kind"'
    named = (("__name__", "sound_value|presence_value|contact_value"), *where)
    series = f"{{{labels(named)}}}[7d]"
    columns = {
        "Time": f"max by (space, sensor, kind) (tlast_over_time({series})) * 1000",
        "value": f"max by (space, sensor, kind) (last_over_time({series}))",
    }
    return table(
        Text("Âge des données", "Age of the data"),
        Text(
            "Âge de la dernière mesure de chaque capteur, quelle que soit la période choisie. Un capteur "
            "absent n'a rien dit depuis sept jours.",
            "Age of the last measurement of each sensor, whatever range is chosen. A sensor that is "
            "missing has said nothing for seven days.",
        ),
        Table(query, columns),
        {
            "Time": Column(Text("Dernière donnée", "Last data"), "dateTimeFromNow"),
            "space": Column(Text("Espace", "Space")),
            "sensor": Column(Text("Capteur", "Sensor")),
            "kind": Column(Text("Grandeur", "Quantity")),
            "value": Column(Text("Dernière valeur", "Last value"), decimals=1),
        },
    )


def site_variable(table_name: str, field: str) -> Variable:
    query = f'SHOW TAG VALUES FROM "{table_name}" WITH KEY = "site"'
    return Variable("site", Text("Site", "Site"), Query(query, f"label_values({table_name}_{field}, site)"))
