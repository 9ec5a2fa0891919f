"""The live page: one follower of the change feed for all viewers of this process.

It waits on the host's time, not on the World's: a simulated clock at 120 times must not make it spin, and a
clock that stands still must not silence it.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pleintemps_contract.logs import line
from pleintemps_contract.world import World
from pleintemps_gateway.store import reading
from pleintemps_gateway.web.board import Alert, Board
from pleintemps_gateway.web.render import Fragment, Pages, View

POLL_S: Final = 0.2
FRAME_S: Final = 1.0
# A frame comes at least so often: the page trusts its clock and its connection by it.
REFRESH_S: Final = 5.0
_BACKLOG: Final = 16

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shown:
    """What viewers of one view have: models to compare with, their HTML to give to those who come."""

    models: dict[str, Fragment] = field(default_factory=dict)
    html: dict[str, str] = field(default_factory=dict)
    alerts: frozenset[tuple[str, str]] = frozenset()


class Stream:
    """One viewer. Frames wait in a short queue; who is too slow for it gets the whole page again."""

    def __init__(self, view: View, token_hash: str) -> None:
        self.view = view
        self.token_hash = token_hash
        self.fresh = True
        self.logged_out = False
        self._frames: asyncio.Queue[str | None] = asyncio.Queue(_BACKLOG)

    def offer(self, frame: str) -> None:
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            while not self._frames.empty():
                self._frames.get_nowait()
            self.fresh = True

    def end(self, *, logged_out: bool = True) -> None:
        """No more frames: what waits is dropped. A page that is not logged out tries to come back."""
        while not self._frames.empty():
            self._frames.get_nowait()
        self.logged_out = logged_out
        self._frames.put_nowait(None)

    async def frames(self) -> AsyncIterator[str]:
        while (frame := await self._frames.get()) is not None:
            yield frame


class Hub:
    """Follows the store while anybody watches. All methods but the thread's own run on the event loop."""

    def __init__(
        self,
        engine: Engine,
        world: World,
        pages: Pages,
        load: Callable[[tuple[str, ...], int], Board],
        *,
        frame_s: float = FRAME_S,
        refresh_s: float = REFRESH_S,
    ) -> None:
        self._engine = engine
        self._world = world
        self._pages = pages
        self._load = load
        self._frame_s = frame_s
        self._refresh_s = refresh_s
        self._streams: set[Stream] = set()
        self._shown: dict[View, _Shown] = {}
        self._marks: dict[str, int] = {}
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.stalled = asyncio.Event()
        """Set while the store cannot be read."""

    def join(self, view: View, token_hash: str) -> Stream:
        """A new viewer; its first frame is the whole page."""
        stream = Stream(view, token_hash)
        self._streams.add(stream)
        if self._task is None or self._task.done():
            self._loop = asyncio.get_running_loop()
            self._wake = asyncio.Event()
            self._task = self._loop.create_task(self._follow(self._wake))
        elif self._wake is not None:
            self._wake.set()
        return stream

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if not self._streams and self._wake is not None:
            self._wake.set()

    @property
    def following(self) -> bool:
        """Whether the store is being followed now."""
        return self._task is not None and not self._task.done()

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

    async def _follow(self, wake: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        framed = refreshed = float("-inf")
        dirty = False
        while self._streams:
            wake.clear()
            views = frozenset(stream.view for stream in self._streams)
            try:
                dirty |= await asyncio.to_thread(self._has_changed, views)
                now = loop.time()
                due = now - refreshed >= self._refresh_s
                new = any(stream.fresh for stream in self._streams)
                if new or due or (dirty and now - framed >= self._frame_s):
                    tokens = {stream.token_hash for stream in self._streams}
                    framed, dirty = now, False
                    refreshed = now if due else refreshed
                    frames, ended = await asyncio.to_thread(self._make_frames, views, tokens)
                    self._send(frames)
                    self._end(ended)
                self._say_back()
            except SQLAlchemyError as error:
                dirty = True
                self._say_down(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), POLL_S)
        self._shown.clear()
        self._marks.clear()

    def _send(self, frames: Mapping[View, str]) -> None:
        for stream in self._streams:
            frame = frames.get(stream.view)
            if stream.fresh and stream.view in self._shown and frame is not None:
                stream.fresh = False
                shown = self._shown[stream.view]
                stream.offer(json.dumps({**json.loads(frame), "fragments": shown.html, "announce": []}))
            elif not stream.fresh and frame is not None:
                stream.offer(frame)

    def _has_changed(self, views: Collection[View]) -> bool:
        sites = {site for view in views for site in view.sites}
        with self._engine.connect() as conn:
            marks = reading.change_marks(conn, sites)
        changed = marks != self._marks
        self._marks = marks
        return changed

    def _make_frames(
        self, views: Collection[View], tokens: Collection[str]
    ) -> tuple[dict[View, str], Collection[str]]:
        now = self._world.now()
        # everything is read first: a frame that is made counts as shown, so none may be lost on the way
        boards = {sites: self._load(sites, now) for sites in {view.sites for view in views}}
        with self._engine.connect() as conn:
            ended = set(tokens) - reading.live_sessions(conn, tokens, now)
        for view in set(self._shown) - set(views):
            del self._shown[view]
        return {view: self._frame(view, boards[view.sites]) for view in views}, ended

    def _frame(self, view: View, board: Board) -> str:
        """One rendering for all viewers of a view: only what differs from what they have."""
        first = view not in self._shown
        shown = self._shown.setdefault(view, _Shown())
        fragments = self._pages.fragments(board)
        changed = {
            name: self._pages.fragment(view, fragment, board.now)
            for name, fragment in fragments.items()
            if shown.models.get(name) != fragment
        }
        shown.models = fragments
        shown.html.update(changed)
        opened = [alert for alert in board.attention.alerts if alert.state == "open"]
        announce = [] if first else [a for a in opened if _name(a) not in shown.alerts]
        shown.alerts = frozenset(map(_name, opened))
        return json.dumps(
            {
                "now": board.now,
                "fragments": changed,
                "announce": [self._pages.announcement(view, alert, board.now) for alert in announce],
            }
        )

    def _say_down(self, error: SQLAlchemyError) -> None:
        if not self.stalled.is_set():
            self.stalled.set()
            _log.warning(line("live-page-stalled", error=type(error).__name__))

    def _say_back(self) -> None:
        if self.stalled.is_set():
            self.stalled.clear()
            _log.info(line("live-page-back"))


def _name(alert: Alert) -> tuple[str, str]:
    return alert.site, alert.alert
