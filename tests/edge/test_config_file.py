"""The configuration file: the example loads, and every mistake is one line that names the key."""

import json
from importlib import resources
from pathlib import Path

import pytest

from pleintemps_edge.config import Setup, load
from pleintemps_edge.errors import SetupError

from .actors import write_setup

EXAMPLE = resources.files("pleintemps_edge.examples").joinpath("edge.toml").read_text(encoding="utf-8")


def load_changed(folder: Path, *changes: tuple[str, str], text: str = EXAMPLE) -> Setup:
    """The example with its keys and ``changes`` (old, new)."""
    write_setup(folder, 1883)
    text = text.replace("keys/agents/entrance", "keys")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "edge.toml"
    path.write_text(text)
    return load(path)


def problems(folder: Path, *changes: tuple[str, str]) -> tuple[str, ...]:
    with pytest.raises(SetupError) as caught:
        load_changed(folder, *changes)
    return caught.value.problems


def test_the_example_loads(tmp_path: Path) -> None:
    setup = load_changed(tmp_path)
    assert (setup.config.site, setup.config.agent) == ("saint-aubin", "entrance")
    assert (setup.config.mqtt.host, setup.config.mqtt.port, setup.config.mqtt.tls) == (
        "127.0.0.1",
        1883,
        False,
    )
    (door,) = setup.config.doors
    assert (door.from_, door.to, door.plan.release_ms, door.plan.open_ms) == ("yard", "hall", 5_000, 30_000)
    assert setup.state == tmp_path / "state/entrance"
    assert setup.keys.agent == "entrance"


def test_tls_has_its_own_port_and_needs_its_files(tmp_path: Path) -> None:
    found = problems(tmp_path, ("mqtt://127.0.0.1:1883", "mqtts://broker.example"))
    assert [name for name in ("ca.crt", "agent.crt", "agent.key") if any(name in line for line in found)] == [
        "ca.crt",
        "agent.crt",
        "agent.key",
    ]
    for name in ("ca.crt", "agent.crt", "agent.key"):
        (tmp_path / "keys" / name).write_text("")
    mqtt = load_changed(tmp_path, ("mqtt://127.0.0.1:1883", "mqtts://broker.example")).config.mqtt
    assert (mqtt.host, mqtt.port, mqtt.tls) == ("broker.example", 8883, True)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('agent = "entrance"', 'agent = "entrance"\ncolour = "red"', "colour"),
        ("release_s = 5 ", "releese_s = 5 ", "releese_s"),
        ("budget_mib = 64", "budget_mib = 0", "budget_mib"),
        ("mqtt://127.0.0.1:1883", "http://127.0.0.1:1883", "mqtt://"),
        ("mqtt://127.0.0.1:1883", "mqtt://user:secret@127.0.0.1", "no user or password"),
        ("mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:99999", "Port out of range"),
        ('site = "saint-aubin"', 'site = "Saint Aubin"', "site"),
        ('site = "saint-aubin"', 'site = "elsewhere"', "belongs to agent 'entrance' of site 'saint-aubin'"),
        ("board = ", "# board = \nboard = 'no-such-board' # ", "no-such-board"),
        ('source = "system"', 'source = "simulated"', "clock.socket"),
        ('state = "', 'state = "a\\u0000', "state: holds a NUL"),
        ('source = "system"', 'source = "system"\nrtc = "/dev/\\u0000"', "clock.rtc: holds a NUL"),
        ('driver = "pir"', 'driver = "sonar"', "no driver 'sonar'"),
        ("pin = 17 ", "pin = 99 ", "hall-pir"),
        ("pin = 17 ", "pin = 22 ", "pin 22"),
        ('device = "hall-pir"', 'device = "hall-reed"', "'hall-reed' is there twice"),
        ('lock = "hall-strike"', 'lock = "hall-bolt"', "there is no device 'hall-bolt'"),
        ('lock = "hall-strike"', 'lock = "hall-pir"', "'hall-pir' is a pir, want a nuki or"),
        (
            'contact = "hall-reed"',
            'contact = "hall-keypad"',
            "'hall-keypad' is a wiegand, want a nuki_contact or reed",
        ),
        ('readers = ["hall-keypad"]', 'readers = ["hall-keypad", "hall-keypad"]', "already serves"),
        ('contact = "hall-reed"', 'relock = "close" #', "needs a contact"),
        ('exit = "hall-handle"', 'exit = "hall-pir"', "'hall-pir' is a pir, want a rex"),
        ('exit = "hall-handle"', "", "exit_releases needs an exit"),
        ('contact = "hall-reed"', "", "without a contact and exit_releases it has nothing to do"),
        ("pin = 5 ", "pin = 27 ", "pin 27 (header 13) is already taken by hall-strike"),
        ("[[doors]]", "[[doors", "not TOML"),
        ("[[doors]]", "x = " + "[" * 5000 + "]" * 5000 + "\n[[doors]]", "not TOML"),
        ('device = "hall-pir"', 'device = ["hall-pir"]', "a device without a name"),
        ("mqtt://127.0.0.1:1883", "mqtt://broker..example", "no name of a host"),
        ("mqtt://127.0.0.1:1883", "mqtt://" + "b" * 64, "no name of a host"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    changes = [(old, new)]
    if says == "needs a contact":
        changes.append(('relock = "open"', ""))
    if says == "exit_releases needs an exit":
        changes.append(("exit_releases = false", "exit_releases = true"))
    found = problems(tmp_path, *changes)
    assert any(says in line for line in found), found
    assert all("\n" not in line and "edge.toml" in line for line in found)


def test_two_doors_of_one_name_and_one_lock(tmp_path: Path) -> None:
    second = (
        EXAMPLE[EXAMPLE.index("[[doors]]") :]
        .replace('contact = "hall-reed"', "")
        .replace('readers = ["hall-keypad"]', "")
        .replace('exit = "hall-handle"', "")
    )
    write_setup(tmp_path, 1883)
    with pytest.raises(SetupError) as caught:
        load_changed(tmp_path, text=EXAMPLE + second)
    assert len(caught.value.problems) == 2


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        ("pin = 17 ", "pin = 22 "),
        ('lock = "hall-strike"', 'lock = "hall-bolt"'),
        ('keys = "keys"', 'keys = "kesy"'),
    )
    assert len(found) == 3


def test_a_simulated_clock_needs_demo_keys(tmp_path: Path) -> None:
    write_setup(tmp_path, 1883, 'source = "simulated"\nsocket = "clock.sock"')
    assert load(tmp_path / "edge.toml").keys.purpose == "demo"
    identity = tmp_path / "keys" / "identity.json"
    content = json.loads(identity.read_text())
    identity.write_text(json.dumps(content | {"purpose": "production"}))
    with pytest.raises(SetupError, match="demo keys only"):
        load(tmp_path / "edge.toml")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")
    path = write_setup(tmp_path, 1883)
    (tmp_path / "keys" / "identity.json").chmod(0o644)
    with pytest.raises(SetupError, match=r"identity\.json"):
        load(path)


def test_without_a_board_double_use_is_still_seen(tmp_path: Path) -> None:
    found = problems(tmp_path, ("board = ", "# board = "), ("d1 = 24", "d1 = 27"), ("ttyUSB0", "ttyAMA0"))
    assert len(found) == 2
    assert "pin 27 is already hall-keypad's" in found[1]
    assert "/dev/ttyAMA0 is already hall-radar's" in found[0]
