"""Tables of releases and public spaces."""

import re
from pathlib import Path

import pytest

from pleintemps_contract.errors import ConfigError
from pleintemps_gateway.config import ReleaseConfig, load

EXAMPLE = Path(__file__).parents[2] / "gateway/pleintemps_gateway/examples/gateway.toml"
TABLE = "[sites.rules.release]\n"


def written(folder: Path, release: str, **changes: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace("# [sites.rules.release]", release + "\n# ")
    for old, new in changes.items():
        text = re.sub(rf"(?m)^{old} = .*$", f"{old} = {new}", text)
    file = folder / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_nothing_is_released_nor_public_by_default(tmp_path: Path) -> None:
    (site,) = load(EXAMPLE).sites
    assert site.rules.release is None
    assert not site.public and not any(space.public for space in site.spaces)
    (site,) = load(written(tmp_path, TABLE, public="true")).sites
    assert site.rules.release == ReleaseConfig()
    assert site.public and [space.space for space in site.spaces if space.public] == ["hall"]


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = text[text.index("# [sites.rules.release]") :].partition("\n\n")[0]
    table = "\n".join(line.removeprefix("# ") for line in shown.splitlines())
    assert load(written(tmp_path, table + "\n")).sites[0].rules.release == ReleaseConfig()
    assert [line.split()[0] for line in table.splitlines()[1:]] == list(ReleaseConfig.__struct_fields__)


@pytest.mark.parametrize(
    ("release", "services", "why"),
    [
        (TABLE + "warn_after_s = 900\nrelease_after_s = 1000\n", "[]", "300 s or more after"),
        (TABLE + "warn_after_s = 10\n", "[]", "warn_after_s"),
        (TABLE + 'exempt_spaces = ["cellar"]\n', "[]", "no space is called 'cellar'"),
        (TABLE + "later = 5\n", "[]", "unknown field `later`"),
        (TABLE, '["helicopter"]', "helicopter"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(
    tmp_path: Path, release: str, services: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        load(written(tmp_path, release, services=services))
