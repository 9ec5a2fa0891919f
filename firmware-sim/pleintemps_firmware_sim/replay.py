"""``pleintemps-sim replay dataset``: a recorded room through device firmware, agent, broker and gateway.

One agent with two motion sensors and a sound meter, ordinary processes with ordinary configurations; the
clock of all of them is the simulator's and runs at the chosen speed. Serial lines and pulses keep real time.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pleintemps_contract.simclock import SimulatedWorld
from pleintemps_contract.world import SystemWorld, World

from .clock import ClockServer
from .datasets.uci864 import ZONE, Row
from .devices.modbus_sound import ModbusSoundMeter
from .devices.pty import SerialDevice
from .installation import Installation
from .pins.board import Board
from .processes import free_port
from .scenario.building import pins_socket
from .scenario.configs import Value, clock, meter_link, table

SITE: Final = "replay"
SPACE: Final = "room"
AGENT: Final = "room"
PIR_PINS: Final = (17, 27)
GAP_MS: Final = 120_000
ROW_MS: Final = 30_000
_POLL_S: Final = 5.0
_LEAD_MS: Final = 120_000
"""The clock starts this long before the first row and waits there in real time until everything is up."""
_BEFORE_MS: Final = 10_000
_LOOK_AHEAD_MS: Final = 1_500
_REST_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """``bookings`` is an iCalendar file for the room; ``speed`` simulated seconds per second."""

    rows: list[Row]
    bookings: Path
    speed: float


def is_gap(row: Row, following: Row | None) -> bool:
    """Whether nothing was recorded for more than two minutes after ``row``."""
    return following is None or following.at - row.at > GAP_MS


def judged_at(row: Row, following: Row | None) -> int:
    """When the gateway's belief about ``row`` is looked at: just before the next row, at most 30 s later."""
    limit = row.at + ROW_MS
    return limit if following is None else min(limit, following.at)


class Score:
    """Rows whose truth the gateway believed in time."""

    def __init__(self) -> None:
        self.rows = 0
        self.right = 0
        self.unknown = 0

    def judge(self, row: Row, state: str) -> None:
        """``state`` is occupied, vacant or unknown; unknown is wrong."""
        self.rows += 1
        self.unknown += state == "unknown"
        self.right += state == ("occupied" if row.occupied else "vacant")

    @property
    def agreement(self) -> float:
        return self.right / self.rows if self.rows else 0.0


def replay_gateway_toml(*, mqtt_url: str, web_port: int, bookings: Path, clock_socket: str) -> str:
    """``gateway.toml`` with the one room; its rules are the ordinary ones."""
    return "\n".join(
        [
            table("", {"state": "state", "keys": "keys"}),
            table("[mqtt]", {"url": mqtt_url}),
            table("[web]", {"host": "127.0.0.1", "port": web_port, "session_h": 720}),
            clock(clock_socket),
            table("[[sites]]", {"site": SITE, "name": "Replay", "zone": str(ZONE), "doors": []}),
            # a breath of the machine is minutes of the replay: silence means more here
            table("[sites.rules]", {"agent_silent_after_s": 1_800}),
            table("[[sites.spaces]]", {"space": SPACE, "name": "Recorded room", "capacity": 3}),
            table(
                "[[sites.feeds]]",
                {"feed": "bookings", "kind": "ical", "url": str(bookings), "space": SPACE, "poll_s": 3_600},
            ),
        ]
    )


def replay_edge_toml(*, mqtt_url: str, ports: Path, clock_socket: str) -> str:
    """``edge.toml`` of the room's agent."""
    meter: dict[str, Value] = {
        "device": "room-meter",
        "driver": "modbus_sound",
        "space": SPACE,
        "port": str(ports / meter_link(SPACE)),
        "baud": 4800,
        "address": 1,
        "register": 0,
        "scale": 0.1,
        "quantity": "level",
        "poll_s": _POLL_S,
    }
    return "\n".join(
        [
            table(
                "",
                {"site": SITE, "agent": AGENT, "keys": f"keys/agents/{AGENT}", "state": f"state/{AGENT}"},
            ),
            table("[mqtt]", {"url": mqtt_url}),
            clock(clock_socket),
            *(
                table(
                    "[[devices]]",
                    {
                        "device": f"room-pir-{place}",
                        "driver": "pir",
                        "space": SPACE,
                        "pin": pin,
                        "warm_up_s": 0,
                    },
                )
                for place, pin in enumerate(PIR_PINS, 1)
            ),
            table("[[devices]]", meter),
        ]
    )


async def run_replay(options: ReplayOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Play the rows and count; raises ChildError or GatewayError if something does not work."""
    host: World = SystemWorld()
    began = host.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        data = Path(tempfile.mkdtemp(prefix="pleintemps-replay-"))
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        installation = Installation(data, host, web_port=free_port(), say=say)
        stack.push_async_callback(installation.stop)
        room = _Room(installation, host)
        stack.push_async_callback(room.stop)
        socket = installation.sockets / "clock"
        server = ClockServer(socket, now=options.rows[0].at - _LEAD_MS)
        await server.start()
        stack.push_async_callback(server.stop)
        world = await asyncio.to_thread(SimulatedWorld, socket)
        await room.start()
        await installation.start_gateway(
            replay_gateway_toml(
                mqtt_url=installation.mqtt_url,
                web_port=installation.web_port,
                bookings=options.bookings.absolute(),
                clock_socket=str(socket),
            ),
            agents=[AGENT],
        )
        await installation.start_agent(
            AGENT,
            replay_edge_toml(
                mqtt_url=installation.mqtt_url, ports=installation.ports, clock_socket=str(socket)
            ),
        )
        await installation.agents_up()
        server.step(max(0, options.rows[0].at - _BEFORE_MS - server.now()))
        server.set_speed(options.speed)
        say(f"playing {len(options.rows)} rows at {options.speed:g} times the speed of life")
        score = await _play(options.rows, world, room, installation)
        server.set_speed(1)
        await host.sleep_until(host.monotonic() + _REST_MS)
        summary = await installation.api.summary()
    return {
        "rows": score.rows,
        "readings": summary["readings"],
        "agreement": round(score.agreement, 4),
        "unknown_rows": score.unknown,
        "alerts": summary["alerts"],
        "usage_records": summary["usage_records"],
        "speed": options.speed,
        "seconds": round((host.monotonic() - began) / 1_000, 1),
    }


class _Room:
    """The room's devices: a board with two motion outputs, a meter on a pseudo-terminal."""

    def __init__(self, installation: Installation, host: World) -> None:
        self._board = Board(pins_socket(installation.sockets, AGENT))
        self._meter = ModbusSoundMeter(delay_ms=1)
        self._port = SerialDevice(self._meter, installation.ports / meter_link(SPACE), host)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.silence()
        self._meter.mute(False)
        await self._board.start()
        self._task = asyncio.create_task(self._port.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._board.stop()

    def show(self, row: Row) -> None:
        """What was recorded is what the devices say now."""
        for pin, level in zip(PIR_PINS, row.pirs, strict=True):
            self._board.drive(pin, level)
        self._meter.hear(row.level_db)
        self._meter.mute(False)

    def silence(self) -> None:
        """Nothing is recorded now: pins low, no answer from the meter."""
        for pin in PIR_PINS:
            self._board.drive(pin, 0)
        self._meter.mute(True)


async def _play(rows: list[Row], world: World, room: _Room, installation: Installation) -> Score:
    score = Score()

    async def at(moment: int) -> None:
        await world.sleep_until(world.monotonic() + max(0, moment - world.now()))

    for row, following in zip(rows, [*rows[1:], None], strict=True):
        await at(row.at)
        room.show(row)
        # asked a little early, because the answer has to be of before the next row
        await at(judged_at(row, following) - _LOOK_AHEAD_MS)
        spaces = await installation.api.spaces()
        score.judge(row, str(spaces.get(SPACE, {}).get("state", "unknown")))
        if is_gap(row, following):
            room.silence()
    return score
