"""What a configuration says of doors' timings, panels and privacy; mistakes are named."""

from pathlib import Path

import pytest

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.gateway_messages import DoorTimings
from pleintemps_gateway.config import GatewayConfig, TimingsConfig, load
from pleintemps_gateway.enrolment.settings import BrokerConfig, EnrolmentConfig

from .house import TOML

EXAMPLE = Path(__file__).parents[2] / "gateway/pleintemps_gateway/examples/gateway.toml"
PANEL = '[[sites.panels]]\npanel = "alarm"\nagent = "entrance"\nspaces = ["hall"]\n'
CLASS_DOOR = 'agent = "upstairs"\nfrom = "yard"\nto = "class"\n'


def read(folder: Path, timings: str = "", extra: str = "") -> GatewayConfig:
    file = folder / "gateway.toml"
    text = TOML.format(url="", port=1, extra=extra)
    file.write_text(text.replace(CLASS_DOOR, CLASS_DOOR + timings), encoding="utf-8")
    return load(file)


def test_a_door_has_the_timings_that_stand_below_it(tmp_path: Path) -> None:
    site = read(tmp_path, "[sites.doors.timings]\nrelease_ms = 9000\n").sites[0]
    assert [door.timings for door in site.doors] == [None, None, TimingsConfig(release_ms=9000)]


@pytest.mark.parametrize(
    ("timings", "extra", "said"),
    [
        ("[sites.doors.timings]\nrelease = 9000\n", "", "release"),
        ("[sites.doors.timings]\nrelease_ms = 10\n", "", "release_ms"),
        ("[sites.doors.timings]\nrelease_ms = 16000\n", "", "extended times"),
        ("[sites.doors.timings]\nopen_ms = 5000\n", "", "pre_alarm_ms"),
        ("", PANEL + PANEL, "two panels"),
        ("", PANEL.replace("hall", "attic"), "attic"),
        ("", PANEL.replace('"hall"', ""), "spaces"),
        ("", PANEL.replace("entrance", "gateway"), "reserved"),
        ("", PANEL + "vacant_s = 5\n", "vacant_s"),
        ("", "[sites.privacy]\naccess_days = 91\n", "access_days"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, timings: str, extra: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        read(tmp_path, timings, extra)
    assert "\n" not in str(raised.value)


def test_the_example_shows_the_defaults_of_what_it_leaves_out(tmp_path: Path) -> None:
    kept = []
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        bare = line.removeprefix("# ")
        heads = ("# [map]", "# [web.oidc]", "# [backup]", "# [broker]", "# [enrolment]", "# [updates]")
        commented = line.startswith(heads) or (line.startswith("# ") and ("sites." in line or "=" in line))
        skip = any(
            word in line for word in ("database_url", "[series]", "url =", "org =", "bucket =", "token_file")
        )
        skip = skip or any(
            word in line
            for word in ("api =", "budget_mb", "flush_s", "prefix =", "control_sites", "addresses")
        )
        kept.append(bare if commented and not skip else line)
    file = tmp_path / "gateway.toml"
    file.write_text("\n".join(kept), encoding="utf-8")
    config = load(file)
    assert config.enrolment == EnrolmentConfig()
    assert config.broker == BrokerConfig().located(tmp_path, tmp_path / "state")
    site = config.sites[0]
    (timings,) = [door.timings for door in site.doors if door.timings]
    assert timings == TimingsConfig() and DoorTimings().release_ms == timings.release_ms
    (panel,) = site.panels
    assert (panel.vacant_s, panel.ahead_s, site.privacy.access_days) == (900, 7_200, 90)
