"""A gateway, its broker and its agents as ordinary processes in one folder, on free loopback ports."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pleintemps_contract.world import World

from .api import GatewayApi
from .broker import make_broker
from .errors import ChildError, GatewayError
from .processes import Child, answers, free_port, until
from .scenario.building import pins_socket

CARETAKER: Final = "gardien"
MANAGER: Final = "mairie"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz"
_UP_MS: Final = 60_000
_RESTART_MS: Final = 500
_BROKER_MS: Final = 1_000


def _password(host: World) -> str:
    """72 bits in letters: digits alone, or nearly, could be among the passwords that the gateway refuses."""
    letters = [_LETTERS[host.random_below(len(_LETTERS))] for _ in range(16)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, 16, 4))


def command(name: str) -> str:
    """Path of one of our commands, beside the Python that runs us or in PATH; raises ChildError."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise ChildError(f"{name} is not installed")
    return found


class Installation:
    """Everything that is no simulation. ``host`` is the machine's own clock: deadlines are real time.

    ``sockets`` is a short folder of our own, because a Unix socket's path has at most 107 bytes.
    """

    def __init__(self, data: Path, host: World, *, web_port: int, say: Callable[[str], None]) -> None:
        self.data = data
        self.web_port = web_port
        self.mqtt_port = free_port()
        self.sockets = Path(tempfile.mkdtemp(prefix="pleintemps-"))
        self.ports = data / "ports"
        self.logs = data / "logs"
        self.password = _password(host)
        self.api = GatewayApi(web_port)
        self._host = host
        self._say = say
        self._watchers: list[asyncio.Task[None]] = []
        self.broker = make_broker(self.mqtt_port, data / "broker", self.logs / "broker.log")
        self.broker_wanted = asyncio.Event()
        """Clear while somebody has the broker down on purpose: nobody starts it again then."""
        self.broker_wanted.set()
        self.gateway = Child(
            "gateway",
            [command("pleintemps-gateway"), "run", "--config", str(self.gateway_config)],
            log=self.logs / "gateway.log",
            cwd=data,
        )
        self.agents: dict[str, Child] = {}
        self._powered: dict[str, asyncio.Event] = {}

    @property
    def mqtt_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.mqtt_port}"

    @property
    def gateway_config(self) -> Path:
        return self.data / "gateway.toml"

    @property
    def outbox(self) -> Path:
        """Where the gateway leaves messages with codes."""
        return self.data / "state" / "outbox"

    def edge_config(self, agent: str) -> Path:
        return self.data / f"{agent}.toml"

    async def start_gateway(self, gateway_toml: str, agents: Sequence[str] = ()) -> None:
        """Broker, keys, store, a caretaker's account, then the gateway; returns when it answers.

        ``agents`` names those without a door: the gateway makes keys for the others by itself.
        """
        self.gateway_config.write_text(gateway_toml, encoding="utf-8")
        await self.broker.start()
        await until(
            lambda: answers(self.mqtt_port),
            self._host,
            within_ms=_UP_MS,
            what="answer",
            child=self.broker,
        )
        extra = [part for agent in agents for part in ("--agent", agent)]
        await self._gateway_command("init", "--config", str(self.gateway_config), "--demo", *extra)
        await self._gateway_command(
            "user", "add", CARETAKER, "--config", str(self.gateway_config), text=self.password
        )
        await self.gateway.start()
        await until(
            lambda: answers(self.web_port),
            self._host,
            within_ms=_UP_MS,
            what="answer",
            child=self.gateway,
        )
        await until(self._logged_in, self._host, within_ms=_UP_MS, what="log-in", child=self.gateway)

    async def add_manager(self) -> str:
        """Let :data:`MANAGER` log in, who sees accounts, audit and people's data; returns the password."""
        password = _password(self._host)
        await self._gateway_command(
            *("user", "add", MANAGER, "--role", "manager", "--config", str(self.gateway_config)),
            text=password,
        )
        return password

    async def start_agent(self, agent: str, edge_toml: str) -> None:
        """Start an agent whose pins are at :func:`pins_socket`; it is started again whenever it ends."""
        config = self.edge_config(agent)
        config.write_text(edge_toml, encoding="utf-8")
        child = Child(
            f"agent {agent}",
            [command("pleintemps-edge"), "run", "--config", str(config)],
            log=self.logs / f"agent-{agent}.log",
            cwd=self.data,
            extra_env={
                "GPIOZERO_PIN_FACTORY": "pleintemps",
                "PLEINTEMPS_PINS": str(pins_socket(self.sockets, agent)),
            },
        )
        self.agents[agent] = child
        self._powered[agent] = asyncio.Event()
        self._powered[agent].set()
        await child.start()

    async def cut(self, agent: str) -> None:
        """End an agent as a power cut would; it stays off until :meth:`power`."""
        self._powered[agent].clear()
        self.agents[agent].kill()
        await self.agents[agent].wait()

    async def power(self, agent: str) -> None:
        """Let an agent that was cut off start again."""
        self._powered[agent].set()

    async def agents_up(self) -> None:
        """Return when the gateway has heard every agent's birth; from then on agents are watched."""
        for agent, child in self.agents.items():
            await until(
                lambda name=agent: self._is_online(name),  # type: ignore[misc]
                self._host,
                within_ms=_UP_MS,
                what="birth at the gateway",
                child=child,
            )
        self._watchers = [asyncio.create_task(self._watch(*each)) for each in self.agents.items()]

    async def stop(self) -> None:
        """End every child and remove the sockets; takes less than 4 s whatever they do."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        # the broker last, so that none of the others ends with complaints about it
        children = [*self.agents.values(), self.gateway]
        await asyncio.gather(*(child.stop(self._host) for child in children))
        await self.broker.stop(self._host, _BROKER_MS)
        shutil.rmtree(self.sockets, ignore_errors=True)

    async def _logged_in(self) -> bool:
        try:
            await self.api.log_in(CARETAKER, self.password)
        except GatewayError:
            return False
        return True

    async def _is_online(self, agent: str) -> bool:
        try:
            return agent in await self.api.agents_online()
        except GatewayError:
            return False

    async def _watch(self, agent: str, child: Child) -> None:
        while True:
            status = await child.wait()
            await self._powered[agent].wait()
            self._say(f"{child.name} ended with status {status}; starting it again")
            await self._host.sleep_until(self._host.monotonic() + _RESTART_MS)
            await child.start()

    async def _gateway_command(self, *arguments: str, text: str = "") -> None:
        process = await asyncio.create_subprocess_exec(
            command("pleintemps-gateway"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.data,
        )
        try:
            _, errors = await process.communicate(f"{text}\n".encode())
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            reason = " ".join(errors.decode(errors="replace").split())
            raise ChildError(f"pleintemps-gateway {arguments[0]} failed: {reason}")
