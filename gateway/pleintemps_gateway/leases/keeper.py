"""Keeps this gateway alive in the store, and takes, gives and loses sites as the rules say."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.errors import DeposedError

from . import store
from .rules import LIVES_MS, LOOK_MS, View, decide

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Who works for the sites."""

    async def take(self, tokens: Mapping[str, int]) -> None:
        """These sites are ours, with these tokens."""

    async def give(self, sites: Collection[str]) -> None:
        """Work for these no more; returns when everything of theirs is written."""


class LeaseKeeper:
    """The leases of one gateway process; :meth:`run` until cancelled, then :meth:`leave`."""

    def __init__(self, engine: Engine, world: World, name: str, run: str, sites: Iterable[str]) -> None:
        """``name`` is the gateway's, ``run`` this process's alone."""
        self._engine = engine
        self._world = world
        self._name = name
        self._run = run
        self._sites = sorted(sites)
        self._holding: dict[str, int] = {}
        self._until: int | None = None
        self._seen: tuple[int, View] | None = None
        self._news = asyncio.Event()
        self._down = False
        # a sign of life must not wait for those who read and replay in the loop's own threads
        self._thread = ThreadPoolExecutor(1, "leases")

    def speaks(self) -> bool:
        """Whether no other gateway can believe us dead: what we hold is ours by our own watch."""
        return self._until is not None and self._world.monotonic() < self._until

    async def run(self, owner: Owner) -> None:
        """Raises DeposedError when another process goes by our name."""
        living = asyncio.ensure_future(self._live())
        acting = asyncio.ensure_future(self._act(owner))
        try:
            await asyncio.gather(living, acting)
        finally:
            for task in (living, acting):
                task.cancel()
            await asyncio.gather(living, acting, return_exceptions=True)

    def leave(self) -> None:
        """Go in order: others need not wait until we count as dead."""
        try:
            store.leave(self._engine, self._name, self._run)
        except SQLAlchemyError as error:
            _log.warning(line("leases-not-released", error=type(error).__name__))

    async def _live(self) -> None:
        while True:
            begun = self._world.monotonic()
            try:
                view = await asyncio.get_running_loop().run_in_executor(self._thread, self._show)
            except SQLAlchemyError as error:
                if not self._down:
                    self._down = True
                    _log.warning(line("leases-not-renewed", error=type(error).__name__))
            else:
                if view.gateways[self._name].run != self._run:
                    raise DeposedError(f"another gateway is called {self._name!r}: each needs its own name")
                if self._down:
                    self._down = False
                    _log.info(line("leases-renewed"))
                self._until = begun + LIVES_MS
                self._seen = begun, view
                self._news.set()
            await self._world.sleep_until(begun + LOOK_MS)

    def _show(self) -> View:
        view = store.renew(self._engine, self._name, self._run)
        mine = view.gateways.get(self._name)
        if mine is None or (mine.run != self._run and self._until is None):
            store.join(self._engine, self._name, self._run, self._sites)
            view = store.renew(self._engine, self._name, self._run)
        return view

    async def _act(self, owner: Owner) -> None:
        acted = self._world.monotonic()
        while True:
            await self._news.wait()
            self._news.clear()
            if self._seen is None or self._seen[0] <= acted:
                continue  # from before what was done last
            todo = decide(self._name, self._run, self._sites, self._seen[1], self._holding)
            if todo.lost:
                await self._let_go(owner, todo.lost)
            if todo.give:
                tokens = {site: self._holding[site] for site in todo.give}
                await self._let_go(owner, todo.give)
                await asyncio.to_thread(store.release, self._engine, tokens)
            if todo.take:
                await self._take(owner, todo.take)
            acted = self._world.monotonic()

    async def _let_go(self, owner: Owner, sites: Collection[str]) -> None:
        for site in sites:
            del self._holding[site]
        await owner.give(sites)
        _log.info(line("sites-left", count=len(sites), left=len(self._holding)))

    async def _take(self, owner: Owner, sites: Collection[str]) -> None:
        taken = await asyncio.to_thread(
            store.take, self._engine, sites, self._name, self._run, self._world.now()
        )
        if taken:
            self._holding |= taken
            await owner.take(taken)
            _log.info(line("sites-taken", count=len(taken), held=len(self._holding)))
