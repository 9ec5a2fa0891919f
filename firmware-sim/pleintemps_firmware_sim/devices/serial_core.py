"""What the rim needs of a serial device."""

from typing import Protocol


class SerialCore(Protocol):
    """Firmware behind a serial line. Times are monotonic milliseconds."""

    def receive(self, data: bytes, now: int) -> None:
        """Bytes from the line; never raises, whatever they are."""

    def transmit(self, now: int) -> bytes:
        """Bytes that the device has put on the line up to ``now``; each is handed out once."""

    def due(self) -> int | None:
        """When :meth:`transmit` will next have something; None until something is received."""
