"""From the version before the newest schema to this one and back, with bookings in the store."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.support.stores import PostgresServer, find_postgres
from tests.support.waiting import wait_for

from . import packages
from .clean_root import HOME, CleanRoot, booted, missing

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(not packages.ARCHITECTURE, reason="no package for this architecture"),
]
CONFIG = "/etc/pleintemps/gateway.toml"
STATE = "/var/lib/pleintemps-gateway"
COUNTED = ("bookings", "credentials", "users", "audit")


@pytest.fixture(scope="module")
def debs() -> Iterator[dict[str, Path]]:
    """The older and the newer package."""
    folder = HOME / "versions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    newer = packages.build("gateway", folder, "2")
    older = packages.build("gateway", folder, "1", packages.previous_tree(folder / "tree"))
    yield {"older.deb": older, "newer.deb": newer}
    shutil.rmtree(folder)


@pytest.fixture
def root(debs: dict[str, Path]) -> Iterator[CleanRoot]:
    with booted() as started:
        for name, path in debs.items():
            shutil.copy(path, started.share / name)
        yield started


def schema(root: CleanRoot) -> str:
    return str(root.rows("SELECT version_num FROM alembic_version")[0][0])


def counts(root: CleanRoot) -> dict[str, int]:
    return {table: int(root.rows(f"SELECT count(*) FROM {table}")[0][0]) for table in COUNTED}


def book(root: CleanRoot, title: str) -> str:
    times = "--start $(date -Is -d +1hour) --end $(date -Is -d +2hour)"
    made = root.run(f"pleintemps-gateway booking add --config {CONFIG} --space hall --title {title} {times}")
    return str(json.loads(made)["booking"])


def titles(root: CleanRoot) -> set[str]:
    return {str(row[0]) for row in root.rows("SELECT title FROM bookings")}


def answers(root: CleanRoot) -> bool:
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/healthz', timeout=5).status)"
    return root.run(f'python3 -c "{code}"', check=False).strip() == "200"


def serves(root: CleanRoot) -> None:
    """Until the service of the installed version answers."""
    wait_for(lambda: answers(root), within_s=120, what="pages")
    assert root.run("systemctl is-active pleintemps-gateway").strip() == "active"


def version(root: CleanRoot) -> str:
    return Path(root.run("readlink /opt/pleintemps/gateway/current").strip()).name


def test_data_survive_the_way_there_and_back(root: CleanRoot) -> None:
    root.run("dpkg --install /mnt/older.deb")
    root.run(f"pleintemps-gateway init --config {CONFIG}")
    root.run(f"pleintemps-gateway user add --config {CONFIG} --role manager --generate camille")
    book(root, "before")
    root.run("systemctl start pleintemps-gateway")
    serves(root)
    old, counted = schema(root), counts(root)
    assert all(counted.values()), counted

    # what cannot be copied is not touched
    root.run(f"touch {STATE}/upgrades")
    said = root.run("dpkg --install /mnt/newer.deb", check=False)
    assert "version 1 stays in place" in said
    serves(root)
    assert (version(root), schema(root)) == ("1", old)
    root.run(f"rm {STATE}/upgrades")

    said = root.run("dpkg --install /mnt/newer.deb")
    assert "store at revision" in said
    serves(root)
    assert version(root) == "2"
    assert schema(root) > old, "there is a newer schema"
    after = counts(root)
    assert all(after[table] >= counted[table] for table in COUNTED), (counted, after)
    assert titles(root) == {"before"}
    root.run(f"pleintemps-gateway audit verify --config {CONFIG}")
    assert root.run(f"ls {STATE}/upgrades").split() == ["1"]
    book(root, "between")

    said = root.run("dpkg --install /mnt/older.deb")
    assert "the later store lies in" in said
    serves(root)
    assert (version(root), schema(root)) == ("1", old)
    assert titles(root) == {"before"}
    assert root.run(f"find {STATE}/set-aside -name gateway.db").strip()
    root.run(f"pleintemps-gateway audit verify --config {CONFIG}")

    root.run("dpkg --install /mnt/newer.deb")
    serves(root)
    assert (version(root), titles(root)) == ("2", {"before"})
    assert root.run("find /var/lib/pleintemps-gateway ! -user pleintemps-gateway").strip() == ""


class Database:
    """A database of this machine's PostgreSQL, whose socket lies where the container sees it."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.rows("CREATE ROLE gateway LOGIN", "postgres")
        self.rows("CREATE DATABASE store OWNER gateway", "postgres")
        self.url = f"postgresql://gateway@/store?host=/mnt/postgresql&port={server.port}"

    def rows(self, query: LiteralString | sql.Composed, database: str = "store") -> list[tuple[Any, ...]]:
        where = f"host=127.0.0.1 port={self._server.port} user=pleintemps dbname={database}"
        with psycopg.connect(where, autocommit=True) as conn:
            answer = conn.execute(query)
            return answer.fetchall() if answer.description is not None else []

    def schema(self) -> str:
        return str(self.rows("SELECT version_num FROM alembic_version")[0][0])

    def titles(self, aside: str = "public") -> set[str]:
        query = sql.SQL("SELECT title FROM {}.bookings").format(sql.Identifier(aside))
        return {str(title) for (title,) in self.rows(query)}


@pytest.fixture
def database(root: CleanRoot) -> Iterator[Database]:
    programs = find_postgres()
    assert programs is not None
    sockets = root.share / "postgresql"
    sockets.mkdir(mode=0o755)
    root.share.parent.chmod(0o711)  # the server is another user's
    server = PostgresServer(programs, sockets=sockets)
    try:
        server.start()
        yield Database(server)
    finally:
        server.stop()


def test_so_they_do_in_postgresql(root: CleanRoot, database: Database) -> None:
    root.run("dpkg --install /mnt/older.deb")
    root.run(f"sed -i '1i database_url = \"{database.url}\"' {CONFIG}")
    root.run(f"pleintemps-gateway init --config {CONFIG}")
    book(root, "before")
    root.run("systemctl start pleintemps-gateway")
    serves(root)
    old = database.schema()

    root.run("dpkg --install /mnt/newer.deb")
    serves(root)
    assert (version(root), database.titles()) == ("2", {"before"})
    assert database.schema() > old, "there is a newer schema"
    book(root, "between")

    # whoever may not put the tables aside goes on as before
    database.rows("ALTER DATABASE store OWNER TO pleintemps")
    said = root.run("dpkg --install /mnt/older.deb", check=False)
    assert "could not be put aside" in said
    assert "version 2 stays in place" in said
    serves(root)
    assert (version(root), database.titles()) == ("2", {"before", "between"})
    database.rows("ALTER DATABASE store OWNER TO gateway")

    said = root.run("dpkg --install /mnt/older.deb")
    aside = str(database.rows("SELECT min(nspname) FROM pg_namespace WHERE nspname LIKE 'later%'")[0][0])
    assert f"the later store lies in schema {aside} of the database" in said
    serves(root)
    assert (version(root), database.schema(), database.titles()) == ("1", old, {"before"})
    assert database.titles(aside) == {"before", "between"}
    root.run(f"pleintemps-gateway audit verify --config {CONFIG}")

    root.run("dpkg --install /mnt/newer.deb")
    serves(root)
    assert (version(root), database.titles()) == ("2", {"before"})
