"""The console: the building as a table that lives, what happened below it, and acts by keys.

Keyboard only is enough: arrows choose a thing, its keys or Enter act on it. 80 columns and 24 lines do.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Final

from textual import work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Label, RichLog, Static

from pleintemps_contract.world import World
from pleintemps_firmware_sim.control import ask, watch
from pleintemps_firmware_sim.errors import ControlError

from . import words
from .acts import Goal, Order
from .lines import fact_line
from .screens import ActForm, ActMenu, Help, Wire
from .views import ActView, Change, FrameView, Picture, Seen

_AGAIN_MS: Final = 1_000
_KEPT: Final = 500
_ORDER: Final[tuple[Goal, ...]] = ("space", "door", "agent", "device", "building")
_JUMPS: Final = {str(place): goal for place, goal in enumerate(_ORDER, 1)}
"""Digits lead to the first thing of a kind."""


class Console(App[None]):
    """``data`` is the folder of what runs; it may end and come again."""

    CSS = """
    #top { height: 1; width: 100%; background: $primary; color: $text; }
    #things { height: 2fr; }
    #facts { height: 1fr; border-top: solid $primary; }
    #said { height: 1; }
    ActMenu, ActForm, Help { align: center middle; }
    .box { width: 78; height: auto; max-height: 22; border: round $primary; padding: 0 1;
        background: $surface; }
    .box Input { border: none; height: 1; background: $panel; }
    Wire #latest { height: 1fr; }
    Wire #frames { height: 1fr; border-top: solid $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("f2,V", "wire", "Wire", key_display="V"),
        Binding("ctrl+q", "quit", "Quit"),
    ]
    TITLE = "Plein Temps"

    def __init__(self, data: Path, host: World) -> None:
        super().__init__()
        self.seen: Seen | None = None
        self.latest: dict[tuple[str, bool], FrameView] = {}
        """By line and direction."""
        self._data = data
        self._host = host
        # held, not looked up: the last change may come when the screen is gone already
        self._top = Label("", id="top", markup=False)
        self._things = DataTable[str](id="things", cursor_type="row")
        self._facts = RichLog(id="facts", max_lines=_KEPT, wrap=True)
        self._said = Static("", id="said", markup=False)

    def compose(self) -> ComposeResult:
        yield self._top
        with Vertical():
            yield self._things
            yield self._facts
        yield self._said
        yield Footer()

    def on_mount(self) -> None:
        self._facts.can_focus = False
        self._things.focus()
        self.look()

    def say(self, text: str) -> None:
        """One line above the keys."""
        self._said.update(text)

    # --- what is seen --------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """Follow what runs, for as long as the console does."""
        while True:
            try:
                async for one in watch(self._data):
                    if isinstance(one, Picture):
                        self._begin(one)
                    else:
                        self._change(one)
            except ControlError as error:
                self._top.update(f"NOT CONNECTED: {error}")
            await self._host.sleep_until(self._host.monotonic() + _AGAIN_MS)

    def _begin(self, picture: Picture) -> None:
        self.seen = Seen(picture)
        table = self._things
        table.clear(columns=True)
        for title in ("what", "name", "state"):
            table.add_column(title, key=title)

    def _change(self, change: Change) -> None:
        seen = self.seen
        if seen is None:
            return
        seen.apply(change)
        table = self._things
        fresh = not table.row_count
        for goal in _ORDER:
            for name in seen.picture.goals[goal]:
                if fresh:
                    table.add_row(goal, name, words.state(seen, goal, name), key=f"{goal} {name}")
                else:
                    self._update(f"{goal} {name}", words.state(seen, goal, name))
        self._top.update(
            f"{seen.picture.says}  {seen.clock(change.at)}  {_count(len(seen.faults), 'fault')}  Enter acts"
        )
        for fact in change.facts:
            self._facts.write(f"{seen.clock(fact.at)} {fact_line(fact)}")
        for frame in change.frames:
            self.latest[frame.line, frame.out] = frame
        for screen in self.screen_stack:
            if isinstance(screen, Wire):
                screen.show(change.frames)

    def _update(self, key: str, state: str) -> None:
        if self._things.get_cell(key, "state") != state:
            self._things.update_cell(key, "state", state, update_width=True)

    # --- acts ----------------------------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[Goal, str] | None:
        """The thing under the cursor."""
        if self.seen is None or not self._things.row_count:
            return None
        row, _ = self._things.coordinate_to_cell_key(self._things.cursor_coordinate)
        what, _, name = str(row.value).partition(" ")
        return next((goal, name) for goal in _ORDER if goal == what)

    def on_key(self, event: Key) -> None:
        """The keys of the table of acts, for the chosen thing."""
        if len(self.screen_stack) > 1 or self.seen is None or (chosen := self.chosen) is None:
            return
        if event.character is not None and event.character in _JUMPS:
            self._jump(_JUMPS[event.character])
            event.stop()
            return
        for act in self.seen.acts_on(*chosen):
            if act.key and act.key == event.character:
                event.stop()
                self.begin_act(act, chosen[1])

    def _jump(self, goal: Goal) -> None:
        if self.seen is not None and self.seen.picture.goals[goal]:
            name = self.seen.picture.goals[goal][0]
            self._things.move_cursor(row=self._things.get_row_index(f"{goal} {name}"))

    def on_data_table_row_selected(self) -> None:
        self.action_menu()

    def action_menu(self) -> None:
        if self.seen is None or (chosen := self.chosen) is None:
            return
        name = chosen[1]

        def begin(act: ActView | None) -> None:
            if act is not None:
                self.begin_act(act, name)

        self.push_screen(ActMenu(f"{chosen[0]} {name}", self.seen.acts_on(*chosen)), begin)

    def begin_act(self, act: ActView, target: str) -> None:
        """Ask for what the act takes, then order it."""
        if not act.takes:
            self.give(Order(act=act.act, target=target))
            return

        def order(values: dict[str, str | float] | None) -> None:
            if values is not None:
                self.give(Order(act=act.act, target=target, values=values))

        self.push_screen(ActForm(act, target), order)

    @work(group="orders")
    async def give(self, order: Order) -> None:
        """Say what came of it."""
        self.say(f"{order.act} {order.target} ...")
        try:
            self.say(f"{order.act} {order.target}: {await ask(self._data, order)}")
        except ControlError as error:
            self.say(f"{order.act} {order.target}: REFUSED: {error}")
            self.bell()

    def action_help(self) -> None:
        if len(self.screen_stack) == 1:
            self.push_screen(Help(self.seen.picture.acts if self.seen else []))

    def action_wire(self) -> None:
        if len(self.screen_stack) == 1 and self.seen is not None:
            self.push_screen(Wire(self.latest, self.seen.clock))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every act at everything, besides the usual commands."""
        yield from super().get_system_commands(screen)
        yield SystemCommand("wire", "frames on the wire, decoded", self.action_wire)
        if self.seen is None:
            return
        for act in self.seen.picture.acts:
            for name in self.seen.picture.goals[act.goal]:
                yield SystemCommand(
                    f"{act.act} {name}",
                    f"{act.goal}: {act.says}",
                    lambda act=act, name=name: self.begin_act(act, name),
                )


def _count(number: int, what: str) -> str:
    return f"no {what}" if not number else f"{number} {what}{'s' if number > 1 else ''}"
