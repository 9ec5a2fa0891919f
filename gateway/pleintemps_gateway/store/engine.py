"""Opening a store. SQLite: WAL, every commit on disk before it returns. PostgreSQL: psycopg."""

import fcntl
import logging
import os
import select
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from pleintemps_gateway.errors import SchemaError, SettingsError, StoreError

from . import ahead, wake
from .prepared import Prepared, begin

BUSY_MS: Final = 20_000
"""How long a writer waits for another process's commit before it gives up."""
IDLE_MS: Final = 4_000
"""A transaction of several gateways that is left alone for so long is undone by the server: else who was
suspended, or has lost its power or its line, would keep the locks of its sites.
"""
ASK_MS: Final = 20
"""How often a server is asked at most whether somebody waits for the sites that are locked. Its answer is
taken as much later: nobody waits for it."""
KEEP_MS: Final = 1_000
"""A connection to a server that worked so short a time ago is not asked whether it does."""
_WRITE: Final = "pleintemps_write"
_LOCKED: Final = "pleintemps_locked"
_SWITCHES: Final = 20
BESIDE: Final = ("-next", "-turn")
"""Empty files beside a SQLite store: who holds the first writes next, who holds the second writes."""
_TURN_LOOK_S: Final = 0.001
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:site, 20))")
# one after another, in this order: two who lock the same sites never wait for one another in a ring
_EACH: Final = (
    "SELECT count(pg_advisory_xact_lock(hashtextextended(each.site, 20)))"
    " FROM unnest(CAST(:sites AS text[])) AS each(site)"
)
_LOCK_SITES: Final = Prepared(text(_EACH))
_LOCK_IMPATIENTLY: Final = Prepared(
    text(f"SELECT set_config('idle_in_transaction_session_timeout', :idle, true), ({_EACH})")
)
_WAITED_FOR: Final = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
)
_REVISION: Final = text("SELECT version_num FROM alembic_version")
_REVISIONS: Final = Path(__file__).parent / "migrations/versions"
_OPEN: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_NEVER: Final = threading.Event()


def is_shared(url: str) -> bool:
    """Whether several gateways may work on the store at ``url``."""
    return url.startswith("postgresql")


def open_engine(url: str, name: str = "pleintemps") -> Engine:
    """A pool of connections to the store at SQLAlchemy's ``url``; raises SettingsError for an unusable one.
    PostgreSQL shows ``name`` as the application.

    Errors of its statements hold no values: those may be names, hashes, sealed codes.
    On SQLite a transaction is deferred, so it sees one snapshot; write through :func:`write_transaction`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(f"database_url: {error}") from error
    except ValueError as error:  # of the port
        raise SettingsError("database_url: the port is no number") from error
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if "application_name" not in parsed.query:
            parsed = parsed.update_query_dict({"application_name": name})
        engine = create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
        event.listen(engine, "do_connect", _postgresql_connect)
        return engine
    if parsed.get_backend_name() != "sqlite":
        kind = parsed.get_backend_name()
        raise SettingsError(f"database_url: {kind} is not supported, use sqlite or postgresql")
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_MS / 1000}, hide_parameters=True)
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _postgresql_connect(
    _dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]
) -> ahead.Line:
    return ahead.Line.connect(*arguments, **named)


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late; _sqlite_begin says it
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    _use_wal(connection)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16384",
        "wal_autocheckpoint=4000",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two who switch a new file at once do not wait for each other by themselves; raises OperationalError."""
    for _ in range(_SWITCHES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            connection.execute("BEGIN IMMEDIATE")  # this does wait
            connection.execute("ROLLBACK")
    connection.execute("PRAGMA journal_mode=WAL")


def _sqlite_begin(connection: Connection) -> None:
    # IMMEDIATE: a deferred transaction that turns writer fails at once if another process wrote meanwhile
    write = connection.get_execution_options().get(_WRITE)
    begin(connection, "BEGIN IMMEDIATE" if write else "BEGIN")


class Turn:
    """The place of one thread in the line of those who write into a SQLite store, with its connection.

    SQLite has no queue: who writes without a pause leaves it for microseconds, who waits looks in 100 ms. So
    whoever writes holds one file beside the store, and who is next another one: only the next waits for who
    writes. After ``BUSY_MS`` one goes on without, and SQLite has the last word.
    """

    def __init__(
        self, engine: Engine, idle_ms: int | None = None, watch: Callable[[], int] | None = None
    ) -> None:
        """``idle_ms``: see :func:`write_transaction`. With a ``watch`` (monotonic ms) a server is asked less
        often (``ASK_MS``, ``KEEP_MS``).
        """
        self.idle_ms = idle_ms
        self._watch = watch
        self._asked: int | None = None
        self._wanted = False
        self._question: ahead.Question | None = None
        self._used = 0
        file = engine.url.database
        lines = engine.dialect.name == "sqlite" and file and file != ":memory:"
        self._paths = [f"{file}{name}" for name in BESIDE] if lines else []
        self._files: list[int] = []
        self._engine = engine
        self._connection: Connection | None = None
        self._served: Connection | None = None

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection that writes. To SQLite it stays open; to a server as long as it surely works."""
        if self._connection is not None and not (self._paths or self._works(self._connection)):
            self._drop()
        if self._connection is None:
            connection = self._engine.connect()
            connection.execution_options(**{_WRITE: True})
            self._connection = connection
        if self._paths:
            yield self._connection
            return
        self._served = self._connection if self._connection.dialect.name == "postgresql" else None
        self._wanted = False
        self._question = None
        try:
            yield self._connection
        except BaseException:
            self._drop()
            raise
        finally:
            self._served = None
        if self._watch is None or self._connection.dialect.name != "postgresql":
            self._drop()
        else:
            self._used = self._watch()

    def _works(self, connection: Connection) -> bool:
        """Whether it just did, and the server has said nothing since, as it does when it ends."""
        if self._watch is None or self._watch() - self._used > KEEP_MS:
            return False
        driver: Any = connection.connection.driver_connection
        look = select.poll()
        look.register(driver.fileno(), select.POLLIN)
        return not look.poll(0)

    def _drop(self) -> None:
        """The pool gets it back, and asks whether it works before it is used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for it, and leave it at the end."""
        if not self._paths:
            yield
            return
        for path in self._paths[len(self._files) :]:
            self._files.append(os.open(path, _OPEN, 0o600))
        following, mine = self._files
        try:
            _lock(following)
            try:
                _lock(mine)
            finally:
                fcntl.flock(following, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(mine, fcntl.LOCK_UN)

    def is_wanted(self) -> bool:
        """Whether another process waits for the turn that is taken. Never waits; PostgreSQL is asked."""
        if self._served is not None:
            return self._ask(self._served)
        if len(self._files) < len(BESIDE):
            return False
        try:
            fcntl.flock(self._files[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._files[0], fcntl.LOCK_UN)
        return False

    def _ask(self, connection: Connection) -> bool:
        if self._watch is None:
            return bool(ahead.Question(connection, _WAITED_FOR).answer())
        now = self._watch()
        if self._wanted or (self._asked is not None and now - self._asked < ASK_MS):
            return self._wanted  # who was there still waits, until this transaction ends
        self._asked = now
        if self._question is not None:
            self._wanted = bool(self._question.answer())
        self._question = ahead.Question(connection, _WAITED_FOR)
        return self._wanted

    def close(self) -> None:
        """Let go of everything; the next turn opens it again."""
        self._drop()
        files, self._files = self._files, []
        for file in files:
            os.close(file)


def _lock(file: int) -> None:
    for _ in range(round(BUSY_MS / 2000 / _TURN_LOOK_S)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            _NEVER.wait(_TURN_LOOK_S)


@contextmanager
def write_transaction(
    engine: Engine, sites: Iterable[str], turn: Turn | None = None, idle_ms: int | None = None
) -> Iterator[Connection]:
    """One transaction that may write rows of ``sites``; commits at the end, rolls back on an error.

    Writers of one site go one after another, in whatever process they are: the order of ``changes.seq``
    is therefore the order of commits. On SQLite nobody writes twice while another process waits; who writes
    often keeps a ``turn`` of its thread; of what others change ingest hears at once. PostgreSQL undoes it
    once it was left alone for ``idle_ms``.
    """
    own = turn or Turn(engine, idle_ms)
    try:
        with own.taken():
            with own.connected() as connection, connection.begin():
                if engine.dialect.name == "postgresql":
                    if turn is not None:
                        ahead.begin(connection)
                    _lock_sites(connection, sorted(sites), own.idle_ms)
                wake.forget(connection)
                yield connection
                told = wake.say_within(connection) if turn is None else frozenset()
            wake.say_after(engine, told)  # before ingest has its turn again, so that it begins with that
    finally:
        if turn is None:
            own.close()


def _lock_sites(connection: Connection, sites: list[str], idle_ms: int | None) -> None:
    if idle_ms is None:
        _LOCK_SITES.put(connection, [{"sites": sites}])
    else:
        _LOCK_IMPATIENTLY.put(connection, [{"sites": sites, "idle": str(idle_ms)}])
    connection.info[_LOCKED] = (connection.get_transaction(), frozenset(sites))


def lock_site(connection: Connection, site: str) -> None:
    """Keep other writers of ``site`` out until this transaction ends (SQLite has kept all out already)."""
    if connection.dialect.name != "postgresql":
        return
    transaction, sites = connection.info.get(_LOCKED, (None, frozenset()))
    if site not in sites or transaction is not connection.get_transaction():
        connection.execute(_LOCK, {"site": site})


def migrate(url: str) -> str:
    """Bring the store at ``url`` to the newest schema, creating it if need be; returns the revision.

    Safe beside another process that does the same. Raises SettingsError, SchemaError or StoreError.
    """
    if (there := _is_newest(url)) is not None:
        return there
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its import alone logs ten lines
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with write_transaction(engine, ["*"]) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return str(connection.execute(_REVISION).scalar_one())
    except OperationalError as error:
        raise StoreError(f"the store cannot be opened: {first_line(error)}") from error
    except SQLAlchemyError as error:
        raise SchemaError(f"the store cannot be migrated: {first_line(error)}") from error
    except CommandError as error:
        raise SchemaError(f"the store is newer than this program, or not ours: {error}") from error
    finally:
        engine.dispose()


def _is_newest(url: str) -> str | None:
    """The store's revision if it is the newest that we know: then what migrates need not be loaded."""
    newest = max(path.stem[1:5] for path in _REVISIONS.glob("r[0-9]*.py"))
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            found = connection.execute(_REVISION).scalars().all()
    except SQLAlchemyError:
        return None  # there is none yet, or who migrates says what is wrong
    finally:
        engine.dispose()
    return newest if found == [newest] else None


def first_line(error: SQLAlchemyError) -> str:
    """What went wrong, without the statement."""
    return (str(error).splitlines() or [type(error).__name__])[0]
