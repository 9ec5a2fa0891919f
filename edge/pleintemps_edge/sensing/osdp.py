"""OSDP v2 (IEC 60839-11-5) as a control panel has to judge it: frames, what may answer what, keys and cards.

    53 | address | length, u16 LE | control | [block: length type ...] | id | data | [MAC 4] | check

An FF may stand before 53 and counts for nothing. A reader's address has bit 7 set. Control: bits 0-1
sequence, 4 CRC (else a one-byte checksum), 8 security block. CRC-16: polynomial 1021, initial 1D0F.

A reply is believed only in the form that its command asks for; the library behind the driver is more
lenient, and takes a card in a block of type 12 for one of a secure channel although nothing proves it.

    command                       reply
    in clear (ID, CAP)            PDID, PDCAP in clear
    block 11 (CHLNG)              CCRYPT in block 12 with key 1: the reader's own key, not the default one
    block 13 (SCRYPT)             RMAC_I in block 14
    block 15, 17 (secure)         block 16 without data, block 18 with data: both carry a MAC
    any                           NAK, BUSY in clear: they end or delay, and open nothing
"""

from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .cards import canonical

DEFAULT_KEY: Final = bytes(range(0x30, 0x40))
"""SCBK-D of the standard: everybody knows it."""
KEY_BYTES: Final = 16
MAX_FRAME: Final = 256
"""The longest frame that the library takes."""

CHLNG: Final = 0x76
KEYSET: Final = 0x75
NAK: Final = 0x41
_MARK: Final = 0x53
_CRC: Final = 0x04
_CRC_START: Final = 0x1D0F
_BLOCK: Final = 0x08
_REPLY: Final = 0x80
_HEADER_BYTES: Final = 5
_MAC_BYTES: Final = 4
_CRYPT_BLOCK: Final = 16
_ID: Final = 0x61
_CAP: Final = 0x62
_ACK: Final = 0x40
_PDID: Final = 0x45
_PDCAP: Final = 0x46
_CCRYPT: Final = 0x76
_RMAC_I: Final = 0x78
_BUSY: Final = 0x79
_CHECK_FUNCTION: Final = 8
_SECURITY_FUNCTION: Final = 9


def _check(body: bytes, with_crc: bool) -> bytes:
    if with_crc:
        return crc_hqx(body, _CRC_START).to_bytes(2, "little")
    return bytes((-sum(body) & 0xFF,))


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose check is right. ``block`` is its security block with length and type, empty if none;
    ``data`` is what follows the id, still encrypted and with its MAC where it has them.
    """

    raw: bytes
    address: int
    control: int
    block: bytes
    id: int
    data: bytes

    @property
    def is_reply(self) -> bool:
        return bool(self.address & _REPLY)

    @property
    def kind(self) -> int:
        """Type of the security block, 0 if there is none."""
        return self.block[1] if self.block else 0


class Deframer:
    """Finds frames in a stream of bytes; what is none is dropped and counted."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.garbage = 0
        """Bytes that belonged to no frame."""

    def clear(self) -> None:
        """Forget half a frame."""
        self._data.clear()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with ``data``."""
        self._data += data
        while self._data:
            start = self._data.find(_MARK)
            if start != 0:
                skipped = len(self._data) if start < 0 else start
                self.garbage += skipped - self._data.count(0xFF, 0, skipped)
                del self._data[:skipped]
                continue
            if len(self._data) < _HEADER_BYTES:
                return
            length = int.from_bytes(self._data[2:4], "little")
            if _HEADER_BYTES + 2 <= length <= MAX_FRAME:
                if len(self._data) < length:
                    return
                frame = parse(bytes(self._data[:length]))
                if frame is not None:
                    del self._data[:length]
                    yield frame
                    continue
            self.garbage += 1
            del self._data[:1]


def parse(raw: bytes) -> Frame | None:
    """``raw``, from its 53 to its check, as a frame; None if it is none."""
    if len(raw) < _HEADER_BYTES + 2 or raw[0] != _MARK or int.from_bytes(raw[2:4], "little") != len(raw):
        return None
    control = raw[4]
    end = len(raw) - (2 if control & _CRC else 1)
    if _check(raw[:end], bool(control & _CRC)) != raw[end:]:
        return None
    start = _HEADER_BYTES
    if control & _BLOCK:
        start += raw[_HEADER_BYTES]
        if raw[_HEADER_BYTES] < 2:
            return None
    if start >= end:
        return None
    return Frame(raw, raw[1], control, raw[_HEADER_BYTES:start], raw[start], raw[start + 1 : end])


@dataclass(frozen=True, slots=True)
class Verdict:
    """``believed``: the library may see the reply. ``fault``: what is wrong with the reader, in few words."""

    believed: bool
    fault: str = ""


_GOOD: Final = Verdict(True)
_CLEAR: Final = Verdict(False, "sends in clear what belongs into the secure channel")


def judge(command: Frame | None, reply: Frame, key: bytes, *, installing: bool = False) -> Verdict:
    """Whether ``reply`` may be an answer to ``command``, see the head of this module.

    While ``installing``, the default key is taken, and an ACK in clear after KEYSET, for readers that drop
    the channel together with its key.
    """
    if not reply.is_reply or command is None or (reply.address ^ command.address) & ~_REPLY:
        return Verdict(False)
    if not reply.block and reply.id in (NAK, _BUSY):
        return Verdict(True, _refusal(command, reply))
    if not command.block:
        # the library goes on in clear when an installation fails: that is no word about the reader
        return _opening(reply) if not installing or command.id in (_ID, _CAP) else Verdict(False)
    if command.kind == 0x11:
        return _challenged(command, reply, key, installing)
    if command.kind == 0x13:
        return _GOOD if reply.id == _RMAC_I and _block(reply, 0x14, 3) else _CLEAR
    if installing and command.id == KEYSET and not reply.block and reply.id == _ACK:
        return _GOOD
    if _block(reply, 0x16, 2):
        # a NAK's code is no secret
        return _GOOD if len(reply.data) == _MAC_BYTES or reply.id == NAK else _CLEAR
    sealed = len(reply.data) - _MAC_BYTES
    return _GOOD if _block(reply, 0x18, 2) and sealed > 0 and sealed % _CRYPT_BLOCK == 0 else _CLEAR


def _block(frame: Frame, kind: int, length: int) -> bool:
    return frame.kind == kind and len(frame.block) == length == frame.block[0]


def _refusal(command: Frame, reply: Frame) -> str:
    if reply.id == NAK and command.kind in (0x11, 0x13):
        code = reply.data[0] if reply.data else 0
        return f"refuses the secure channel (NAK {code}): it holds another key, or none yet"
    return ""


def _opening(reply: Frame) -> Verdict:
    if reply.block or reply.id not in (_PDID, _PDCAP):
        return Verdict(False, "answers in clear only")
    if reply.id == _PDCAP and not _levels(reply).get(_SECURITY_FUNCTION, 0) & 1:
        return Verdict(True, "has no secure channel: it answers in clear only")
    return _GOOD


def _challenged(command: Frame, reply: Frame, key: bytes, installing: bool) -> Verdict:
    default = command.block[2:] == b"\0"
    if reply.id != _CCRYPT or not _block(reply, 0x12, 3) or len(reply.data) != 32:
        return _CLEAR
    if reply.block[2] != command.block[2] or (default and not installing):
        return Verdict(False, "answers with the default key, which everybody knows")
    challenge, answer, proof = command.data, reply.data[8:16], reply.data[16:]
    if proof == cryptogram(DEFAULT_KEY if default else key, challenge, answer):
        return _GOOD
    if proof == cryptogram(DEFAULT_KEY, challenge, answer):
        return Verdict(False, "is still on the default key, which everybody knows")
    return Verdict(False, "holds another key than ours, or none yet")


def cryptogram(key: bytes, challenge: bytes, answer: bytes) -> bytes:
    """What proves to him who sent ``challenge`` that ``answer`` comes from a holder of ``key`` (Annex D of
    SIA OSDP 2.1.7): AES(S-ENC, challenge | answer) with S-ENC = AES(key, 01 82 challenge[0:6] 00*8).
    """
    session = _aes(key, b"\x01\x82" + challenge[:6] + bytes(8))
    return _aes(session, challenge + answer)


def _aes(key: bytes, block: bytes) -> bytes:
    # one block under a key of its own, as the standard prescribes: there is nothing to chain
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def _levels(capabilities: Frame) -> dict[int, int]:
    triples = capabilities.data
    return {triples[at]: triples[at + 1] for at in range(0, len(triples) - 2, 3)}


def nak(reply: Frame) -> bytes:
    """A NAK (6, conditions not met) in the place of ``reply``."""
    raw = bytes((_MARK, reply.address, 9, 0, reply.control & 3 | _CRC, NAK, 6))
    return raw + _check(raw, True)


def with_crc(reply: Frame) -> bytes:
    """The bytes of ``reply``; a list of capabilities that denies CRC, in a frame with CRC, owns up to it.

    HID Signo readers deny it and yet open no secure channel without (osdp-dev/libosdp issue 298).
    """
    if reply.id != _PDCAP or reply.block or not reply.control & _CRC:
        return reply.raw
    raw = bytearray(reply.raw[:-2])
    for at in range(_HEADER_BYTES + 1, len(raw) - 2, 3):
        if raw[at] == _CHECK_FUNCTION:
            raw[at + 1] |= 1
    return bytes(raw) + _check(bytes(raw), True)


_KEYS: Final = {
    **{ord(digit): digit for digit in "0123456789*#"},
    0x0D: "#",
    0x7F: "*",
}
_SWAP: Final = str.maketrans("*#", "#*")


def key_of(byte: int, swap_star_hash: bool = False) -> str | None:
    """The key of one byte of a KEYPAD reply: digits, 0D is ``#``, 7F is ``*``; None for what is no key."""
    found = _KEYS.get(byte)
    return found.translate(_SWAP) if found and swap_star_hash else found


def card_of(count: int, data: bytes) -> str | None:
    """The card of a RAW reply, ``count`` bits left-aligned in ``data``; None for what is none, or misread."""
    if not 0 < count <= 8 * len(data):
        return None
    return canonical("".join(f"{byte:08b}" for byte in data)[:count])
