"""The cable between an agent and its broker: MQTT's packets arrive once, twice or in another order."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_contract.world import SystemWorld
from pleintemps_firmware_sim.processes import free_port
from pleintemps_firmware_sim.real.cable import Cable
from pleintemps_firmware_sim.real.packets import Packets, is_message
from pleintemps_firmware_sim.scenario.script import Chance

PING = bytes.fromhex("c000")


def publish(payload: bytes) -> bytes:
    """At QoS 0, to the topic ``t``."""
    rest = b"\x00\x01t" + payload
    length = len(rest)
    digits = bytearray()
    while True:
        length, low = divmod(length, 128)
        digits.append(low | (0x80 if length else 0))
        if not length:
            return b"\x30" + bytes(digits) + rest


PACKETS = st.lists(st.one_of(st.just(PING), st.binary(max_size=300).map(publish)), max_size=8)


@given(PACKETS, st.lists(st.integers(0, 2_500)))
def test_packets_are_found_however_their_bytes_arrive(packets: list[bytes], cuts: list[int]) -> None:
    data = b"".join(packets)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    reader = Packets()
    found = [packet for low, high in pairwise(places) for packet in reader.take(data[low:high])]
    assert found == packets
    assert [is_message(packet) for packet in found] == [packet != PING for packet in packets]


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=10))
def test_what_is_no_mqtt_passes_as_it_comes(pieces: list[bytes]) -> None:
    reader = Packets()
    endless = b"\x30\xff\xff\xff\xff"
    passed = [b"".join(reader.take(piece)) for piece in (endless, *pieces)]
    assert passed == [endless, *pieces]


def carried(fault: Callable[[Cable], None], packets: list[bytes], expected: int) -> list[bytes]:
    """What the broker reads of ``packets``, until there are so many of them."""
    found: list[bytes] = []
    enough = asyncio.Event()

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = Packets()
        while data := await reader.read(4_096):
            found.extend(stream.take(data))
            if len(found) >= expected:
                enough.set()
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(broker, "127.0.0.1", 0)
        cable = Cable(free_port(), server.sockets[0].getsockname()[1], SystemWorld(), Chance(1, "cable"))
        await cable.start()
        fault(cable)
        _, writer = await asyncio.open_connection("127.0.0.1", cable.port)
        writer.write(b"".join(packets))
        await enough.wait()
        writer.close()
        await cable.stop()
        server.close()

    within(scene)
    return found


def within(scene: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(scene(), 20)

    asyncio.run(limited())


MESSAGES = [publish(bytes([number])) for number in range(12)]


def test_messages_come_twice_and_what_is_about_the_line_once() -> None:
    found = carried(lambda cable: setattr(cable, "twice", True), [PING, *MESSAGES, PING], 26)
    assert Counter(found) == {PING: 2, **dict.fromkeys(MESSAGES, 2)}


def test_messages_change_places_and_none_is_lost() -> None:
    found = carried(lambda cable: setattr(cable, "shuffle_ms", 100), MESSAGES, 12)
    assert found != MESSAGES
    assert sorted(found) == sorted(MESSAGES)
