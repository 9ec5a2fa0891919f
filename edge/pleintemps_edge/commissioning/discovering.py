"""``pleintemps-edge discover``: what is there, and what is at the other end of the serial ports."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from pleintemps_contract.cores import Wires
from pleintemps_contract.world import World
from pleintemps_edge.drivers.serial_port import OpenPort, PortLost

from . import probing
from .looking import Chip, Looking, Port, Sound
from .probing import Found, Probe


class Probed(Struct, frozen=True, kw_only=True):
    """A port with what was found at it; ``why`` it was not probed, else empty."""

    port: Port
    found: list[Found] = []
    why: str = ""


class Discovery(Struct, frozen=True, kw_only=True):
    """What one machine has."""

    model: str
    ports: list[Probed]
    clocks: list[Chip]
    sounds: list[Sound]
    pins: list[Chip]


async def discover(
    looking: Looking,
    wires: Wires,
    world: World,
    more: Iterable[Path] = (),
    *,
    own: bool = True,
    speak: bool = True,
) -> Discovery:
    """Look, and probe the ports that are free, all at the same time: the machine's ``own`` and ``more``.

    ``speak`` false only listens. ``world`` is that of the wires.
    """
    ports = await asyncio.to_thread(looking.ports, list(more), own=own)
    probed = await asyncio.gather(*(_port(port, wires, world, speak) for port in ports))
    return Discovery(
        model=looking.model(),
        ports=list(probed),
        clocks=looking.clocks(),
        sounds=looking.sounds(),
        pins=looking.pins(),
    )


async def _port(port: Port, wires: Wires, world: World, speak: bool) -> Probed:
    if port.use:
        return Probed(port=port, why=port.use)
    try:
        return Probed(port=port, found=list(await _probe(Path(port.device), wires, world, speak)))
    except* PortLost as lost:
        reason = str(lost.exceptions[0])
    return Probed(port=port, why=reason)


async def _probe(path: Path, wires: Wires, world: World, speak: bool) -> tuple[Found, ...]:
    first = probing.listening()
    data = await hear(path, wires, world, [first])
    if (radar := probing.heard(first, data[0])) is not None:
        return (radar,)
    if data[0] or not speak:
        return probing.conclude((), len(data[0]))
    for probes in probing.asking():
        told = await hear(path, wires, world, probes)
        found = [each for each in map(probing.heard, probes, told) if each is not None]
        if more := probing.unnamed(found):
            found += filter(None, map(probing.heard, more, await hear(path, wires, world, more)))
        if found:
            return probing.named(found)
    return probing.conclude((), 0)


async def hear(path: Path, wires: Wires, world: World, probes: list[Probe]) -> list[bytes]:
    """What came in the time of each probe; raises PortLost."""
    port = OpenPort(path, probes[0].baud, wires)
    told = []
    try:
        for probe in probes:
            port.drain()
            if probe.ask:
                port.write(probe.ask)
            await world.sleep_until(world.monotonic() + probe.wait_ms)
            told.append(port.drain())
    finally:
        port.close()
    return told
