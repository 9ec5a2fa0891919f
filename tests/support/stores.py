"""Databases for store tests: SQLite in a file, and a real PostgreSQL server of our own.

With ``PLEINTEMPS_STORE=postgresql`` (``make postgresql``) who asks for a SQLite file gets PostgreSQL too, but
for the tests that are marked ``sqlite``.
"""

import atexit
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from pleintemps_gateway.store.engine import migrate, open_engine

from .ports import find_free_port
from .processes import wait_until_up


def find_postgres() -> Path | None:
    """The folder with initdb and postgres: Debian 12's 15, or the newest there is."""
    debian = Path("/usr/lib/postgresql")
    if (debian / "15/bin/initdb").exists():
        return debian / "15/bin"
    others = sorted(
        (path.parent for path in debian.glob("*/bin/initdb")), key=lambda folder: int(folder.parent.name)
    )
    if others:
        return others[-1]
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


class PostgresServer:
    """One server in its own folder, reached over a loopback port; nothing in it outlives the tests."""

    def __init__(self, programs: Path, *, durable: bool = False, sockets: Path | None = None) -> None:
        """``durable``: a commit is on disk when it returns. ``sockets``: a folder where it listens too."""
        self._durable = durable
        self._sockets = sockets
        self.port = find_free_port()
        self._programs = programs
        # not pytest's folder: the server's user could not enter it, and a socket's path is at most 107 bytes
        self._folder = Path(tempfile.mkdtemp(prefix="pleintemps-pg-"))
        self._log = self._folder / "log"
        self._numbers = itertools.count(1)
        self._as_user: dict[str, Any] = {"cwd": self._folder}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root
            user = _server_user()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as_user |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            if sockets is not None:
                os.chown(sockets, user.pw_uid, user.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self._folder / "data"
        arguments = [
            "-D",
            str(data),
            "-U",
            "pleintemps",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        made = subprocess.run(
            [str(self._programs / "initdb"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": ",".join(map(str, filter(None, (self._folder, self._sockets)))),
        }
        if not self._durable:
            # speed before safety: these databases end with the test
            settings |= dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off")
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(data), *options],
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        wait_until_up(self._answers, self._process, self._log, within_s=30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # a "fast" shutdown: open connections are cut
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}"')
        return name

    def drop_database(self, name: str) -> None:
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://pleintemps@127.0.0.1:{self.port}/{database}"

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="pleintemps",
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


_patterns: dict[str, str] = {}
"""Servers (and "sqlite") with a store of the newest schema to copy: quicker than to migrate each."""


def make_store(url: str) -> None:
    """What ``migrate`` makes of the fresh database at ``url``, as a copy of one that was migrated once."""
    where = make_url(url)
    if where.get_backend_name() == "sqlite":
        assert where.database is not None
        assert not Path(where.database).exists()
        if "sqlite" not in _patterns:
            folder = tempfile.mkdtemp(prefix="pleintemps-store-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            _patterns["sqlite"] = f"{folder}/store.db"
            migrate(f"sqlite:///{_patterns['sqlite']}")
        Path(where.database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_patterns["sqlite"], where.database)
        return
    server = f"{where.host}:{where.port}"
    administration = where.set(drivername="postgresql", database="postgres")
    with psycopg.connect(administration.render_as_string(hide_password=False), autocommit=True) as connection:
        if server not in _patterns:
            connection.execute("CREATE DATABASE pattern")
            migrate(where.set(database="pattern").render_as_string(hide_password=False))
            _patterns[server] = "pattern"
        connection.execute(f'DROP DATABASE "{where.database}"'.encode())
        connection.execute(f'CREATE DATABASE "{where.database}" TEMPLATE pattern'.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL server; tests are skipped where it is not installed."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("postgresql is not installed")
    server = PostgresServer(programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """SQLAlchemy's URL of a fresh PostgreSQL database."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


_ONLY_POSTGRES = os.environ.get("PLEINTEMPS_STORE") == "postgresql"


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy's URL of a fresh SQLite file, or of PostgreSQL where all tests are to run on that."""
    if _ONLY_POSTGRES and request.node.get_closest_marker("sqlite") is None:
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def empty(sqlite_url: str) -> Iterator[Engine]:
    """A migrated store without a row."""
    yield from _migrated(sqlite_url)


@pytest.fixture
def empty_postgres(postgres_url: str) -> Iterator[Engine]:
    """The same, on PostgreSQL."""
    yield from _migrated(postgres_url)


def _migrated(url: str) -> Iterator[Engine]:
    make_store(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["postgres"] if _ONLY_POSTGRES else ["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """SQLAlchemy's URL of a fresh database, once for each kind the gateway supports."""
    return str(request.getfixturevalue(f"{request.param}_url"))
