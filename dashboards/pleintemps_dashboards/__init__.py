"""Grafana dashboards over the series of a gateway, and Prometheus' rules over its metrics, as package data.

Below ``grafana/``: ``provisioning/`` as Grafana reads it, ``dashboards/<language>/`` one JSON a dashboard;
below ``grafana/metricsql/`` the same for VictoriaMetrics, where it differs.
Below ``prometheus/``: ``alerts.yml``, a file of rules.
"""

from pathlib import Path
from typing import Final, Literal

from pleintemps_contract import __version__ as __version__

from .asking import ENGINES as ENGINES
from .asking import Engine as Engine

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
FOLDER: Final = Path(__file__).parent / "grafana"
PROMETHEUS: Final = Path(__file__).parent / "prometheus"


def build() -> list[Path]:
    """Write the package's own dashboards anew; returns the files written. Raises OSError."""
    from .boards import BOARDS, render

    written = []
    for engine in ENGINES:
        for language in LANGUAGES:
            for name in BOARDS:
                target = folder_of(engine) / "dashboards" / language / f"{name}.json"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(render(name, language, engine), encoding="utf-8")
                written.append(target)
    return written


def folder_of(engine: Engine) -> Path:
    """Where what is of one engine begins."""
    return FOLDER if engine == "influxql" else FOLDER / engine


def export(folder: Path, language: Language, engine: Engine = "influxql") -> list[Path]:
    """Write provisioning and dashboards of ``language`` for ``engine``, and the rules, below ``folder``;
    returns them.

    Files of the same names are replaced, others left alone. Raises OSError.
    """
    wanted = {source: source.relative_to(FOLDER) for source in sorted(FOLDER.glob("provisioning/*/*.yaml"))}
    own = folder_of(engine)
    if engine != "influxql":
        wanted = {source: path for source, path in wanted.items() if not (own / path.parent).exists()}
        wanted |= {source: source.relative_to(own) for source in sorted(own.glob("provisioning/*/*.yaml"))}
    for source in sorted(own.glob(f"dashboards/{language}/*.json")):
        wanted[source] = Path("dashboards") / source.name
    wanted |= {source: source.relative_to(FOLDER.parent) for source in sorted(PROMETHEUS.glob("*.yml"))}
    written = []
    for source, relative in wanted.items():
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        written.append(target)
    return written
