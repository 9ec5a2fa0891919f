"""Releases from a folder (a USB stick) or over HTTP: nothing is believed before its signature or hash."""

import hashlib
import http.client
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import quote, urlsplit

from pleintemps_contract.envelope import TrustedKeys
from pleintemps_contract.releases import (
    MAX_MANIFEST,
    MAX_OFFER,
    RELEASE_FILE,
    Offer,
    Release,
    ReleaseFile,
    open_offer,
    open_release,
)
from pleintemps_edge.errors import UpdateError

from .rules import Refusal

_BLOCK: Final = 1 << 16
_TIMEOUT_S: Final = 30.0


class Source(Protocol):
    """Where the files of one release come from; raises UpdateError or OSError."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]: ...


class Folder:
    """A release on a disk or stick."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with (self._path / name).open("rb") as file:
            yield file


class Web:
    """Files below ``url``. ``authority`` may sign for the server beside those that the machine believes.

    What comes is checked by its own signature, so an address in clear is no danger, only a nuisance.
    """

    def __init__(self, url: str, authority: Path | None = None) -> None:
        self._url = urlsplit(url)
        self._authority = authority

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Raises UpdateError."""
        connection = self._connect()
        try:
            connection.request("GET", f"{self._url.path}/{quote(name)}")
            answer = connection.getresponse()
            if answer.status != 200:
                raise UpdateError(f"{self._url.netloc}: {name}: {answer.status} {answer.reason}")
            yield answer
        except UpdateError:
            raise  # of whoever reads
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise UpdateError(f"{self._url.netloc}: {name}: {why}") from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, self._url.port, timeout=_TIMEOUT_S)
        context = ssl.create_default_context()
        if self._authority is not None and self._authority.is_file():
            context.load_verify_locations(self._authority)
        return http.client.HTTPSConnection(host, self._url.port, timeout=_TIMEOUT_S, context=context)


def read_offer(source: Source, site: str, agent: str, trusted: TrustedKeys) -> Offer:
    """Raises UpdateError or OSError where there is none, ContractError for one that is not the gateway's."""
    with source.open("offer") as file:
        return open_offer(_small(file, MAX_OFFER, "offer"), site, agent, trusted)


def read_release(source: Source, trusted: TrustedKeys) -> tuple[bytes, Release]:
    """The signed manifest; raises UpdateError, OSError or ContractError."""
    with source.open(RELEASE_FILE) as file:
        data = _small(file, MAX_MANIFEST, RELEASE_FILE)
    return data, open_release(data, trusted)


def fetch(source: Source, release: Release, to: Path, refuse: Callable[[Release], Refusal | None]) -> None:
    """Every file of a release into ``to``, each as its manifest says; raises UpdateError or OSError."""
    reason = refuse(release)
    if reason is not None:
        raise UpdateError(f"{release.version}: {reason}")
    names = [file.name for file in release.files]
    if len(set(names)) != len(names) or RELEASE_FILE in names:
        raise UpdateError(f"{release.version}: a file is named twice")
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(mode=0o700, parents=True)
    for file in release.files:
        with source.open(file.name) as sent:
            _copy(sent, file, to / file.name)


def _copy(sent: IO[bytes], file: ReleaseFile, to: Path) -> None:
    state, left = hashlib.sha256(), file.size
    with to.open("wb") as kept:
        while left and (block := sent.read(min(_BLOCK, left))):
            state.update(block)
            kept.write(block)
            left -= len(block)
        if left or sent.read(1):
            raise UpdateError(f"{file.name}: it has not the {file.size} bytes of its manifest")
    if state.hexdigest() != file.sha256:
        raise UpdateError(f"{file.name}: it is not what was signed")


def _small(file: IO[bytes], limit: int, what: str) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise UpdateError(f"{what}: more than {limit} bytes")
    return data
