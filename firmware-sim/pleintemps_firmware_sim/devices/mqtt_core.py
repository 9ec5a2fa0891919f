"""What the rim needs of a device that speaks MQTT."""

from typing import NamedTuple, Protocol


class Said(NamedTuple):
    """One publication of a device."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 0


class MqttCore(Protocol):
    """Firmware behind an MQTT client. Times are monotonic milliseconds."""

    @property
    def will(self) -> Said:
        """What the broker says when the device is gone."""

    @property
    def filters(self) -> tuple[str, ...]:
        """Topics that the device hears."""

    def connected(self, now: int) -> None:
        """The broker has accepted it; what it says of itself then comes from :meth:`transmit`."""

    def receive(self, topic: str, payload: bytes, now: int) -> None:
        """A message for the device; never raises, whatever it is."""

    def transmit(self, now: int) -> list[Said]:
        """What the device has said up to ``now``; each is handed out once."""

    def due(self) -> int | None:
        """When :meth:`transmit` will next have something; None until something happens."""
