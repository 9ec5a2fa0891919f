"""Grafana dashboards over the series of a gateway, with their provisioning, as package data.

Below ``grafana/``: ``provisioning/`` as Grafana reads it, ``dashboards/<language>/`` one JSON a dashboard.
"""

from pathlib import Path
from typing import Final, Literal

from pleintemps_contract import __version__ as __version__

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
FOLDER: Final = Path(__file__).parent / "grafana"


def export(folder: Path, language: Language) -> list[Path]:
    """Write the provisioning and the dashboards of ``language`` below ``folder``; returns the files written.

    Files of the same names are replaced, others left alone. Raises OSError.
    """
    wanted = {source: source.relative_to(FOLDER) for source in sorted(FOLDER.glob("provisioning/*/*.yaml"))}
    for source in sorted(FOLDER.glob(f"dashboards/{language}/*.json")):
        wanted[source] = Path("dashboards") / source.name
    written = []
    for source, relative in wanted.items():
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        written.append(target)
    return written
