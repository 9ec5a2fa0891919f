"""The OSDP driver against libosdp's own reader, on a pseudo-terminal."""

import asyncio

from pleintemps_contract.agent_messages import Health
from pleintemps_edge.drivers.base import Feedback, HealthChanged, KeyPressed, TamperChanged
from pleintemps_edge.drivers.registry import Context
from pleintemps_firmware_sim.devices.osdp import OsdpReader

from .osdp_line import KEY, scene


def test_keys_and_cards_come_through_the_secure_channel(context: Context) -> None:
    async def main() -> None:
        async with scene(context, OsdpReader(KEY, address=65)) as it:
            await it.until(lambda: Health.OK in it.seen.health)
            assert it.reader.secure
            wanted = []
            for n in range(100):
                it.reader.press(f"{n:02}#*")
                wanted += [*f"{n:02}", "#", "*"]
            await it.until(lambda: len(it.seen.of(KeyPressed)) == 400)
            assert [pressed.key for pressed in it.seen.of(KeyPressed)] == wanted
            assert it.seen.of(TamperChanged)[0].active is False
            it.driver.show(Feedback.REFUSED)
            await it.until(lambda: it.reader.sounder)
            print(it.reader.orders)
            assert it.seen.of(HealthChanged) == [HealthChanged("hall-reader", Health.OK, "")]

    asyncio.run(main())
