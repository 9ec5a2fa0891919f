"""The console's other screens: acts of a thing, an act's fields, help, frames on the wire."""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final

from rich.text import Text as Plain
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Footer, Input, Label, OptionList, RichLog, Static
from textual.widgets.option_list import Option

from .acts import Text, Value
from .lines import frame_text, way
from .views import ActView, FrameView

_KEPT: Final = 1_000


class ActMenu(ModalScreen[ActView | None]):
    """What can be done to a thing; the chosen act is the result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, title: str, acts: list[ActView]) -> None:
        super().__init__()
        self._title = title
        self._acts = {act.act: act for act in acts}

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Label(f"{self._title}: Enter does it, Escape goes back", markup=False)
            yield OptionList(
                *(
                    Option(f"{act.key or ' '} {act.act}: {act.says}", id=act.act)
                    for act in self._acts.values()
                ),
                markup=False,
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._acts[str(event.option_id)])


class ActForm(ModalScreen[dict[str, Value] | None]):
    """The fields of an act; their texts are the result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, act: ActView, target: str) -> None:
        super().__init__()
        self._act = act
        self._target = target

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Label(f"{self._act.act} {self._target}: Enter does it, Escape goes back", markup=False)
            for name, field in self._act.takes.items():
                if isinstance(field, Text):
                    says, value = field.says, field.default or ""
                else:
                    says = f"{field.says}, {field.low:g} to {field.high:g}"
                    value = f"{field.default:g}"
                yield Label(f"{name} ({says})", markup=False)
                yield Input(value, id=name)

    def on_input_submitted(self) -> None:
        fields = self._act.takes
        self.dismiss({name: self.query_one(f"#{name}", Input).value for name in fields})


class Help(ModalScreen[None]):
    """The keys and what they do."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1", "dismiss(None)", "Back")]

    def __init__(self, acts: list[ActView]) -> None:
        super().__init__()
        self._acts = acts

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box"):
            yield Static(_KEYS, markup=False)
            for act in self._acts:
                if act.key:
                    yield Static(f"{act.key}  {act.goal:9} {act.act}: {act.says}", markup=False)


_KEYS: Final = """\
Escape goes back. Arrows choose a thing, 1 to 5 the first space, door, agent,
device, the broker. Its state is in words: CAPITALS are not as at rest,
!word is a fault that lasts.

Enter     all that can be done to the chosen thing
Ctrl+P    command palette: every act at every thing, by typing
? F1      this help        V F2    frames on the wire, decoded
Ctrl+Q    leave; the building runs on

Keys that act on the chosen thing:"""


class Wire(Screen[None]):
    """The last frame of every line in each direction, and frames of the chosen line as they pass."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2,V", "dismiss(None)", "Back", key_display="Esc"),
        Binding("space", "hold", "Hold/go on"),
        Binding("a", "all", "All lines"),
        Binding("x", "raw", "Bytes"),
    ]

    def __init__(self, latest: Mapping[tuple[str, bool], FrameView], clock: Callable[[int], str]) -> None:
        super().__init__()
        self._latest = latest
        self._clock = clock
        self._held = False
        self._all = True
        self._raw = False
        self._ready = False
        self._table = DataTable[str | Plain](id="latest", cursor_type="row")
        self._log_of_frames = RichLog(id="frames", max_lines=_KEPT, wrap=True)

    def compose(self) -> ComposeResult:
        yield self._table
        yield self._log_of_frames
        yield Footer()

    def on_mount(self) -> None:
        for title in ("line", "way", "frame"):
            self._table.add_column(title, key=title)
        self._log_of_frames.can_focus = False
        self._table.focus()
        self._ready = True
        self.show(list(self._latest.values()))

    def show(self, frames: Iterable[FrameView]) -> None:
        """These have passed."""
        if self._held or not self._ready:
            return
        table, log = self._table, self._log_of_frames
        for frame in frames:
            key, said = f"{frame.line} {way(frame)}", Plain(frame_text(frame, raw=self._raw))
            if key in table.rows:
                table.update_cell(key, "frame", said, update_width=True)
            else:
                table.add_row(frame.line, way(frame), said, key=key)
            if self._all or self._chosen == key:
                log.write(f"{self._clock(frame.at)} {key} {said.plain}")

    @property
    def _chosen(self) -> str:
        table = self._table
        row, _ = table.coordinate_to_cell_key(table.cursor_coordinate)
        return str(row.value)

    def on_data_table_row_selected(self) -> None:
        self._all = False
        self._log_of_frames.clear()

    def action_all(self) -> None:
        self._all = True

    def action_hold(self) -> None:
        self._held = not self._held

    def action_raw(self) -> None:
        self._raw = not self._raw
