"""OSDP frames and secure channel computed a second time, apart from the agent and from libosdp.

Sources: SIA OSDP 2.1.7 and its Annex E. The CRC is bit by bit, the AES that of ``cryptography``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

DEFAULT_KEY = bytes.fromhex("303132333435363738393a3b3c3d3e3f")


class Recorded(NamedTuple):
    """One line of a recording: who sent it, and the bytes without the mark."""

    sender: str
    raw: bytes


def recording(folder: Path, name: str) -> list[Recorded]:
    """The frames of ``osdp/NAME.json``; its headings are left out."""
    rows = json.loads((folder / "osdp" / f"{name}.json").read_text())
    return [Recorded(who, unmarked(bytes.fromhex(text))) for who, text in rows if who != "#"]


def unmarked(data: bytes) -> bytes:
    return data[1:] if data[0] == 0xFF else data


def check(body: bytes) -> bytes:
    """CRC-16 with polynomial 1021 from 1D0F, as two bytes."""
    register = 0x1D0F
    for byte in body:
        for place in range(7, -1, -1):
            carry = (register >> 15) ^ (byte >> place & 1)
            register = register << 1 & 0xFFFF
            if carry:
                register ^= 0x1021
    return bytes((register & 0xFF, register >> 8))


def seal(address: int, sequence: int, body: bytes, block: bytes = b"") -> bytes:
    """A frame with CRC: ``body`` is id and data, ``block`` a whole security block."""
    rest = block + body
    control = 4 | sequence | (8 if block else 0)
    head = bytes((0x53, address)) + (len(rest) + 7).to_bytes(2, "little") + bytes((control,))
    return head + rest + check(head + rest)


def aes(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


@dataclass
class Session:
    """The keys of one handshake and the MACs as they follow one another."""

    key: bytes
    challenge: bytes
    answer: bytes = b""
    mac: bytes = b""

    def derived(self, first: int, second: int) -> bytes:
        return aes(self.key, bytes((first, second)) + self.challenge[:6] + bytes(8))

    @property
    def s_enc(self) -> bytes:
        return self.derived(0x01, 0x82)

    @property
    def s_mac1(self) -> bytes:
        return self.derived(0x01, 0x01)

    @property
    def s_mac2(self) -> bytes:
        return self.derived(0x01, 0x02)

    @property
    def of_reader(self) -> bytes:
        return aes(self.s_enc, self.challenge + self.answer)

    @property
    def of_panel(self) -> bytes:
        return aes(self.s_enc, self.answer + self.challenge)

    @property
    def first_mac(self) -> bytes:
        return aes(self.s_mac2, aes(self.s_mac1, self.of_panel))

    def next_mac(self, body: bytes) -> bytes:
        """The MAC of ``body``, everything from the start up to the MAC; it becomes the last one."""
        padded = (
            body if len(body) % 16 == 0 else (body + b"\x80").ljust(-(-(len(body) + 1) // 16) * 16, b"\0")
        )
        chained = self.mac
        blocks = [padded[at : at + 16] for at in range(0, len(padded), 16)]
        for block in blocks[:-1]:
            chained = aes(self.s_mac1, xor(chained, block))
        self.mac = aes(self.s_mac2, xor(chained, blocks[-1]))
        return self.mac

    def decrypt(self, data: bytes) -> bytes:
        """Clear data; to be called before :meth:`next_mac` of its frame."""
        start = bytes(byte ^ 0xFF for byte in self.mac)
        decryptor = Cipher(algorithms.AES(self.s_enc), modes.CBC(start)).decryptor()
        clear = decryptor.update(data) + decryptor.finalize()
        return clear[: clear.rindex(b"\x80")]


class Understood(NamedTuple):
    """A frame as it was meant: ``data`` in clear; ``proved`` if a MAC of the session proves it."""

    sender: str
    id: int
    data: bytes
    proved: bool


class Witness:
    """Listens to both sides of one line and knows the reader's keys: the first, then what KEYSET installs."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.session: Session | None = None

    def understand(self, frames: list[Recorded]) -> Iterator[Understood]:
        for sender, raw in frames:
            assert raw[0] == 0x53 and int.from_bytes(raw[2:4], "little") == len(raw)
            assert check(raw[:-2]) == raw[-2:], raw.hex()
            yield self._one(sender, raw)

    def _one(self, sender: str, raw: bytes) -> Understood:
        if not raw[4] & 8:
            return Understood(sender, raw[5], raw[6:-2], False)
        kind, start = raw[6], 5 + raw[5]
        code, data = raw[start], raw[start + 1 : -2]
        if kind == 0x11:
            self.session = Session(self.key if raw[7] else DEFAULT_KEY, data)
            return Understood(sender, code, data, False)
        assert self.session is not None
        if kind == 0x12:
            self.session.answer = data[8:16]
            assert data[16:] == self.session.of_reader
        elif kind == 0x13:
            assert data == self.session.of_panel
        elif kind == 0x14:
            self.session.mac = self.session.first_mac
            assert data == self.session.mac
        else:
            data, sealed = data[:-4], data[-4:]
            clear = self.session.decrypt(data) if kind in (0x17, 0x18) else data
            assert self.session.next_mac(raw[:-6])[:4] == sealed, raw.hex()
            if code == 0x75:
                self.key = clear[2:]
            return Understood(sender, code, clear, True)
        return Understood(sender, code, data, False)
