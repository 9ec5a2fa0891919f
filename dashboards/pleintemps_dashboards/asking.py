"""Questions to the series, once for both engines: InfluxQL (InfluxDB) and MetricsQL (VictoriaMetrics).

What is asked is written as InfluxQL has it, ``max("laeq_db") - min("limit_db")``; each ``function("field")``
is a part of its own in MetricsQL. An interval is [t, t + every) and named t in both: a window of MetricsQL
ends with its moment, (t - every, t], hence ``offset 1ms-every``. An offset around the whole would not do: it
fills gaps with what was before.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Engine = Literal["influxql", "metricsql"]
ENGINES: Final[tuple[Engine, ...]] = ("influxql", "metricsql")
Where = tuple[tuple[str, str], ...]
"""Tag and value; several values with ``|`` between."""
_PART: Final = re.compile(r'(\w+)\("(\w+)"\)')
_INTERVAL: Final = "$__interval"


class Query(NamedTuple):
    """One question. ``every``: its interval where that is not Grafana's choice."""

    influxql: str
    metricsql: str
    every: str = ""


class Table(NamedTuple):
    """One question for a table; in MetricsQL each column is a query of its own."""

    influxql: str
    metricsql: Mapping[str, str]


def ask(what: str, table: str, where: Where = (), tags: str = "", every: str = _INTERVAL) -> Query:
    """``what`` of ``table`` in every interval, for each value of ``tags`` (names with blanks between)."""
    grouped = "".join(f', "{tag}"' for tag in tags.split())
    parts = (f"SELECT {what}", f'FROM "{table}"', f"WHERE {conditions(where)}$timeFilter")
    influxql = " ".join((*parts, f"GROUP BY time({every}){grouped}", "fill(none)"))
    window = f"[{every}] offset 1ms-{every}"
    return Query(influxql, metrics(what, table, where, tags, window), "" if every == _INTERVAL else every)


def tabulate(columns: Mapping[str, str], table: str, where: Where, tags: str, *, back: str = "") -> Table:
    """One row for each value of ``tags``: ``columns`` (name to what is asked) of the chosen range with both
    its ends, or of the time ``back`` from now."""
    asked = ", ".join(f'{what} AS "{name}"' for name, what in columns.items())
    when = f"time > now() - {back}" if back else "$timeFilter"
    grouped = ", ".join(f'"{tag}"' for tag in tags.split())
    parts = (f"SELECT {asked}", f'FROM "{table}"', f"WHERE {conditions(where)}{when}", f"GROUP BY {grouped}")
    window = f"[{back}]" if back else "[${__range}1ms]"
    found = {name: metrics(what, table, where, tags, window) for name, what in columns.items()}
    return Table(" ".join(parts), found)


def conditions(where: Where) -> str:
    """As the beginning of InfluxQL's WHERE."""
    return "".join(f'"{tag}" =~ /^{f"({value})" if "|" in value else value}$/ AND ' for tag, value in where)


def labels(where: Where) -> str:
    """As MetricsQL has it between braces."""
    return ",".join(f'{tag}{"=~" if "|" in value else "="}"{value}"' for tag, value in where)


def metrics(what: str, table: str, where: Where, tags: str, window: str) -> str:
    """``what`` in MetricsQL; a series is called measurement and field."""
    found = labels(where)
    by = f" by ({', '.join(tags.split())})" if tags else ""

    def part(match: re.Match[str]) -> str:
        function, field = match.groups()
        series = f"{table}_{field}{{{found}}}{window}" if found else f"{table}_{field}{window}"
        if function == "mean":  # of all points, as InfluxQL does, not of each series' own mean
            return f"(sum{by} (sum_over_time({series})) / sum{by} (count_over_time({series})))"
        over = "max" if function == "last" else function  # one series in each group has a last
        return f"{over}{by} ({function}_over_time({series}))"

    return _PART.sub(part, what)
