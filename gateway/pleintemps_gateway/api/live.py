"""The live page: one follower of the change feed for all viewers of this process.

Viewers pull: each is woken when there is something, and takes what has changed since the frame that it had.
So a slow viewer costs nothing, gets fewer and larger frames, and nothing waits in memory for it but the one
that it takes. A difference is worked out once for all who have the same frame.

It waits on the host's time, not on the World's: a simulated clock at 120 times must not make it spin, and a
clock that stands still must not silence it.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Final

from sqlalchemy import Engine, Row
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.store import reading
from pleintemps_gateway.web.drawing import Drawing
from pleintemps_gateway.web.fragments import View

POLL_S: Final = 0.2
FRAME_S: Final = 1.0
# A frame comes at least so often: the page trusts its clock and its connection by it.
REFRESH_S: Final = 5.0
MOST_STREAMS: Final = 2_000
MOST_OF_SESSION: Final = 40
"""Tabs of a browser share one; without locks each visible window has its own."""
_MADE: Final = 64
"""Differences kept until the next frame: nearly all viewers want the same."""

_log = logging.getLogger(__name__)


class Stream:
    """One viewer: it has everything up to frame ``since``, or nothing yet."""

    def __init__(self, hub: "Hub", view: View, token_hash: str, since: int | None) -> None:
        self.view = view
        self.token_hash = token_hash
        self.since = since
        self.logged_out = False
        self._hub = hub
        self._wake = asyncio.Event()
        self._ended = False

    def wake(self) -> None:
        self._wake.set()

    def end(self, *, logged_out: bool = True) -> None:
        """No more frames. A page that is not logged out tries to come back."""
        self.logged_out = logged_out
        self._ended = True
        self._wake.set()

    async def frames(self) -> AsyncIterator[tuple[str, str]]:
        """(name, JSON) of each frame."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._ended:
                return
            found = await self._hub.frame(self.view, self.since)
            if found is not None:
                self.since, name, text = found
                yield name, text


class Hub:
    """Follows the store while anybody watches. All but :meth:`end_session` belong to the event loop."""

    def __init__(
        self,
        engine: Engine,
        world: World,
        drawing: Drawing,
        *,
        frame_s: float = FRAME_S,
        refresh_s: float = REFRESH_S,
        used: Callable[[Collection[Row[Any]]], None] | None = None,
    ) -> None:
        """``used`` is told, in a thread, which sessions watch, each time that they are looked at."""
        self._engine = engine
        self._world = world
        self.drawing = drawing
        self._frame_s = frame_s
        self._refresh_s = refresh_s
        self._used = used
        self._streams: set[Stream] = set()
        self._watching: Counter[str] = Counter()
        """Streams of each session that have not left yet."""
        self._made: dict[tuple[View, int | None], asyncio.Future[tuple[int, str, str]]] = {}
        self._at: dict[View, int] = {}
        """World time at which each view was last brought up to date."""
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.stalled = asyncio.Event()
        """Set while the store cannot be read."""

    def join(self, view: View, token_hash: str, have: str = "") -> Stream:
        """A new viewer. ``have`` names the frame that its page shows; without it comes everything."""
        stream = Stream(self, view, token_hash, self.drawing.number(have))
        self._streams.add(stream)
        self._watching[token_hash] += 1
        if self._task is None or self._task.done():
            self._loop = asyncio.get_running_loop()
            self._wake = asyncio.Event()
            self._task = self._loop.create_task(self._follow(self._wake))
        elif view in self._at:
            stream.wake()
        elif self._wake is not None:
            self._wake.set()
        return stream

    def has_room(self, token_hash: str) -> bool:
        """Whether one more viewer of that session may join; who was ended and has not left yet counts."""
        return self._watching.total() < MOST_STREAMS and self._watching[token_hash] < MOST_OF_SESSION

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)
        self._watching[stream.token_hash] -= 1
        self._watching += Counter()  # who is not there any more is not remembered
        if not self._streams and self._wake is not None:
            self._wake.set()

    @property
    def following(self) -> bool:
        """Whether the store is being followed now."""
        return self._task is not None and not self._task.done()

    def keeps_up(self, view: View) -> bool:
        """Whether ``view`` is as it was at the last look."""
        return view in self._at

    async def idle(self) -> None:
        """Wait until nobody watches any more."""
        if self._task is not None:
            await self._task

    def close(self) -> None:
        """End every stream; the process stops."""
        for stream in self._streams:
            stream.end(logged_out=False)
        self._streams.clear()
        if self._wake is not None:
            self._wake.set()

    def end_session(self, token_hash: str) -> None:
        """End the streams of a session; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end, frozenset({token_hash}))

    def _end(self, token_hashes: Collection[str]) -> None:
        for stream in [stream for stream in self._streams if stream.token_hash in token_hashes]:
            stream.end()
            self._streams.discard(stream)

    async def frame(self, view: View, since: int | None) -> tuple[int, str, str] | None:
        """(number, name, JSON) of what a page lacks; None if the view was never read."""
        if view not in self._at:
            return None
        made = self._made.get((view, since))
        if made is None:
            if len(self._made) >= _MADE:
                del self._made[next(iter(self._made))]
            work = asyncio.to_thread(self.drawing.frame, view, since, self._at[view])
            made = self._made[view, since] = asyncio.ensure_future(work)
        return await asyncio.shield(made)  # who goes away takes it from nobody

    async def _follow(self, wake: asyncio.Event) -> None:
        try:
            await self._watch(wake)
        finally:  # after a fault too: pages that come back start another follower, others would wait for ever
            for stream in self._streams:
                stream.end(logged_out=False)
            self._streams.clear()
            self._at.clear()
            self._made.clear()

    async def _watch(self, wake: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        framed = refreshed = float("-inf")
        while self._streams:
            wake.clear()
            views = {stream.view for stream in self._streams}
            for left in self._at.keys() - views:
                del self._at[left]  # nobody keeps it up: who comes back to it waits for a look
            now = loop.time()
            due = now - refreshed >= self._refresh_s
            new = not views <= self._at.keys()
            try:
                if new or due or now - framed >= self._frame_s:
                    changed = await asyncio.to_thread(self._look, views, always=new or due)
                    if changed or new or due:
                        framed = now
                        refreshed = now if due else refreshed
                        tokens = {stream.token_hash for stream in self._streams}
                        self._end(await asyncio.to_thread(self._ended, tokens))
                        self._made.clear()
                        for stream in self._streams:
                            if stream.view in self._at:
                                stream.wake()
                self._say_back()
            except SQLAlchemyError as error:
                self._say_down(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), POLL_S)

    def _look(self, views: Collection[View], *, always: bool) -> bool:
        """Bring the picture up to date if anything has changed; whether anything did."""
        picture, now = self.drawing.picture, self._world.now()
        if not always and not picture.has_changed({site for view in views for site in view.sites}, now):
            return False
        changed = picture.refresh({view.sites for view in views}, now)
        self._at |= dict.fromkeys(views, now)
        return changed

    def _ended(self, tokens: Collection[str]) -> set[str]:
        with self._engine.connect() as conn:
            rows = reading.live_sessions(conn, tokens, self._world.now())
        if self._used is not None:
            self._used(rows)
        return set(tokens) - {row.token_hash for row in rows}

    def _say_down(self, error: SQLAlchemyError) -> None:
        if not self.stalled.is_set():
            self.stalled.set()
            _log.warning(line("live-page-stalled", error=type(error).__name__))

    def _say_back(self) -> None:
        if self.stalled.is_set():
            self.stalled.clear()
            _log.info(line("live-page-back"))
