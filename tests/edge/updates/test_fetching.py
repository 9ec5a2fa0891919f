"""What is fetched is what was signed; offers are the gateway's, for this agent, and new."""

import asyncio
import base64
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.errors import ContractError
from pleintemps_contract.releases import RELEASE_FILE, Offer, open_release, seal_offer, version_key
from pleintemps_edge.cli import main
from pleintemps_edge.config import EdgeConfig
from pleintemps_edge.errors import UpdateError
from pleintemps_edge.status import telling
from pleintemps_edge.updates.fetching import Folder, Source, Web, fetch, read_offer, read_release
from pleintemps_edge.updates.slots import Slots
from pleintemps_edge.updates.updater import Updater
from tests.edge.actors import SIGNER, write_setup
from tests.edge.test_status import WELL

from .releases import OTHER, RELEASER, write_release

TRUSTED = TrustedKeys([RELEASER.public])
GATEWAY = TrustedKeys([SIGNER.public])
FILES = {"a.whl": b"wheel" * 50_000, "requirements-3.11.txt": b"a==1"}


def take(folder: Path, to: Path) -> None:
    _, release = read_release(Folder(folder), TRUSTED)
    fetch(Folder(folder), release, to, lambda _: None)


def test_a_release_comes_as_it_was_signed(tmp_path: Path) -> None:
    write_release(tmp_path / "stick", "1.4.0", FILES)
    take(tmp_path / "stick", tmp_path / "in")
    assert {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()} == FILES


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "a.whl").write_bytes(b"wheel" * 49_999 + b"wheeI"), "not what was signed"),
        (lambda f: (f / "a.whl").write_bytes(b"wheel"), "has not the 250000 bytes"),
        (lambda f: (f / "a.whl").write_bytes(b"wheel" * 50_001), "has not the 250000 bytes"),
        (lambda f: (f / "a.whl").unlink(), "a.whl"),
        (lambda f: (f / RELEASE_FILE).write_bytes(b"{}"), "no-envelope"),
        (lambda f: (f / RELEASE_FILE).write_bytes(b"x" * 300_000), "more than 262144 bytes"),
        (lambda f: write_release(f, "1.4.0", FILES, signer=OTHER), "unknown-key"),
        (lambda f: write_release(f, "1.4.0", {"../../etc/passwd": b""} | FILES), "files"),
        (lambda f: write_release(f, "1.4", FILES), "version"),
    ],
)
def test_what_was_changed_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    stick = tmp_path / "a" / "b" / "stick"
    (tmp_path / "etc").mkdir()
    (tmp_path / "a" / "etc").mkdir(parents=True)
    write_release(stick, "1.4.0", FILES)
    change(stick)
    with pytest.raises((UpdateError, ContractError, OSError), match=said):
        take(stick, tmp_path / "in")


def test_a_signature_is_for_a_release_and_nothing_else() -> None:
    """What the gateway's key, or the release key for another topic, has signed is no release."""
    body = b'{"format":1}'
    for sealed in (RELEASER.seal("pleintemps/v1/x/y/update", body), OTHER.seal("release", body)):
        with pytest.raises(ContractError):
            open_release(sealed, TRUSTED)
    assert [version_key(text) for text in ("0.9.0", "0.10.0")] == [(0, 9, 0), (0, 10, 0)]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    (tmp_path / "www").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Place:
    """An agent with 1.2.0 that follows the gateway at ``web``."""

    def __init__(self, root: Path, web: str) -> None:
        self.www, self._web = root / "www", web
        self.started: list[str] = []
        (root / "slots" / "versions" / "1.2.0").mkdir(parents=True)
        (root / "slots" / "versions" / "1.2.0" / "complete").touch()
        self.slots = Slots(root / "slots", lambda release, target: None)
        self.slots.link("current", "1.2.0")
        self.updater = Updater(self.slots, TRUSTED, "aarch64", root / "slots", self.status, self.restart)

    def status(self) -> Any:
        return msgspec.structs.replace(WELL, version=self.started[-1] if self.started else "1.2.0")

    def restart(self) -> None:
        self.started.append(self.slots.current)

    def source(self, path: str) -> Source:
        return Web(f"{self._web}/{path}")

    def offer(self, number: int, action: Any, version: str | None = None, agent: str = "door") -> None:
        offer = Offer(site="ecole", agent=agent, number=number, action=action, version=version)
        folder = self.www / "ecole" / "door"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "offer").write_bytes(seal_offer(offer, SIGNER))

    def follow(self) -> list[str]:
        return self.updater.follow(self.source, "ecole", "door", GATEWAY)

    def minutes(self, number: int) -> None:
        for _ in range(number):
            self.updater.step()


def test_the_gateways_offers_are_followed_once(tmp_path: Path, web: str) -> None:
    place = Place(tmp_path, web)
    with pytest.raises(UpdateError, match="404"):
        place.follow()
    write_release(place.www / "releases" / "1.4.0" / "aarch64", "1.4.0", FILES, machine="aarch64")
    place.offer(7, "stay")
    assert place.follow() == []
    place.offer(8, "install", "1.4.0", agent="other")
    with pytest.raises(ContractError, match="bad-signature"):
        place.follow()  # what was signed for another agent
    place.offer(8, "install", "1.4.0")
    assert place.follow() == ["1.4.0 is on trial, 1.2.0 stays beside it", "started 1.4.0"]
    place.minutes(5)
    assert (place.updater.state().proven, place.started) == ("1.4.0", ["1.4.0"])
    place.offer(9, "back")
    assert place.follow()[-1] == "started 1.2.0"
    place.minutes(5)
    assert place.updater.state().proven == "1.2.0"
    place.offer(8, "install", "1.4.0")  # played again
    assert place.follow() == []
    place.offer(10, "install", "1.4.0")
    with pytest.raises(UpdateError, match="was not well"):
        place.follow()
    assert place.updater.state().proven == "1.2.0"


def test_another_release_in_its_place_is_not_taken(tmp_path: Path, web: str) -> None:
    place = Place(tmp_path, web)
    write_release(place.www / "releases" / "1.5.0" / "aarch64", "1.3.0", FILES)
    place.offer(1, "install", "1.5.0")
    with pytest.raises(UpdateError, match=r"offered was 1\.5\.0, there is 1\.3\.0"):
        place.follow()
    assert place.updater.state().number == 0  # it is tried again


def test_nobody_answers(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(UpdateError, match="refused"):
        read_offer(Web(f"http://127.0.0.1:{free_port}/x"), "ecole", "door", GATEWAY)


def test_a_key_that_was_introduced_since_counts(
    tmp_path: Path, web: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offers are believed by the keys that the running agent holds; without one, by those of its folder."""
    Place(tmp_path, web)
    file = write_setup(tmp_path, 1883)
    key = base64.b64encode(RELEASER.public.public_bytes_raw()).decode()
    more = f'[updates]\nrelease_keys = ["{key}"]\nroot = "{tmp_path}/slots"\nurl = "{web}"\n'
    file.write_text(file.read_text() + more)
    config = load_toml(file, EdgeConfig)
    offer = Offer(site=config.site, agent=config.agent, number=3, action="stay")
    folder = tmp_path / "www" / config.site / config.agent
    folder.mkdir(parents=True)
    (folder / "offer").write_bytes(seal_offer(offer, OTHER))
    follow = ["update", "follow", "--config", str(file)]
    assert main(follow) == 1
    assert "unknown-key" in capsys.readouterr().err
    held = [base64.b64encode(OTHER.public.public_bytes_raw()).decode()]
    status = msgspec.structs.replace(WELL, gateway_keys=held)

    async def while_it_runs() -> int:
        (tmp_path / config.state).mkdir(exist_ok=True)
        async with telling(tmp_path / config.state, lambda: status):
            return await asyncio.to_thread(main, follow)

    assert asyncio.run(while_it_runs()) == 0
    assert (tmp_path / "slots" / "update.json").read_bytes().count(b'"number":3') == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_setup(tmp_path, 1883)
    assert main(["update", "status", "--config", str(file)]) == 2
    assert "[updates] is missing" in capsys.readouterr().err
    key = base64.b64encode(RELEASER.public.public_bytes_raw()).decode()
    more = f'[updates]\nrelease_keys = ["{key}"]\nroot = "{tmp_path}/slots"\n'
    file.write_text(file.read_text() + more)
    assert main(["update", "status", "--config", str(file)]) == 1
    assert "installed package" in capsys.readouterr().err
    Place(tmp_path, "")
    assert main(["update", "status", "--config", str(file), "--json"]) == 0
    assert '"proven": "1.2.0"' in capsys.readouterr().out
    write_release(tmp_path / "stick", "1.4.0", FILES, signer=OTHER)
    assert main(["update", "install", "--config", str(file), "--from", str(tmp_path / "stick")]) == 1
    assert "unknown-key" in capsys.readouterr().err
    file.write_text(file.read_text().replace(key, "AAAA"))
    assert main(["update", "status", "--config", str(file)]) == 2
    assert "release_keys" in capsys.readouterr().err
