"""The technician at a terminal: one instruction at a time out, one key or line in. At the rim."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Final, TextIO

from pleintemps_contract.commissioning import NO, SKIP, YES, Answer, Ask, DeviceResult, Prompt

from .texts import word

_READ_BYTES: Final = 4_096
_WORDS: Final = {
    "": YES,
    "y": YES,
    "o": YES,
    "yes": YES,
    "oui": YES,
    "n": NO,
    "no": NO,
    "non": NO,
    "s": SKIP,
    "skip": SKIP,
    "sauter": SKIP,
}


def answer_of(line: str, prompt: Prompt) -> Answer | None:
    """What a line means; None for what means nothing here. A lock is moved on a word only, never on Enter."""
    said = _WORDS.get(line.strip().lower())
    if said is None or (not line.strip() and prompt.ask in (Ask.AGREE, Ask.ARM)):
        return None
    return said if said == SKIP or said in prompt.answers else None


class Terminal:
    """A :class:`~pleintemps_contract.commissioning.Technician` on standard input and output.

    ``source`` None reads nothing: then nobody answers.
    """

    def __init__(self, language: str, out: TextIO, source: TextIO | None = None) -> None:
        self._language = language
        self._out = out
        self._prompt: Prompt | None = None
        self._answer: Callable[[Answer], None] | None = None
        self._source = source
        self._rest = ""
        self._loop = asyncio.get_running_loop()
        if source is not None:
            self._loop.add_reader(source.fileno(), self._read)
            self._print(word(language, "keys-help"))

    def close(self) -> None:
        """Read no more."""
        if self._source is not None:
            self._loop.remove_reader(self._source.fileno())
            self._source = None

    def told(self, prompt: Prompt, answer: Callable[[Answer], None]) -> None:
        self._prompt, self._answer = prompt, answer
        self._print(f"\n[{prompt.number}] {prompt.text}")

    def found(self, result: DeviceResult) -> None:
        self._prompt = None
        self._print(f"    {word(self._language, result.verdict.value).upper():12} {result.device}")
        for each in result.measurements:
            place = f" ({word(self._language, each.where)})" if each.where else ""
            limit = f"   {each.limit}" if each.limit else ""
            name = word(self._language, each.name)
            self._print(f"        {name}{place}: {each.value:g} {each.unit}{limit}".rstrip())
        for finding in result.findings:
            self._print(f"        {finding.text}")
            if finding.advice:
                self._print(f"        -> {finding.advice}")

    def _read(self) -> None:
        assert self._source is not None
        try:
            data = os.read(self._source.fileno(), _READ_BYTES)
        except OSError:
            data = b""
        if not data:  # the end of the input: nobody is there any more, devices go on speaking
            self.close()
            return
        *lines, self._rest = (self._rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            self._take(line)

    def _take(self, line: str) -> None:
        if self._prompt is None or self._answer is None:
            return
        said = answer_of(line, self._prompt)
        if said is not None:
            self._answer(said)
        else:
            self._print(f"    {word(self._language, 'keys-help')}")

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that is gone: the report says the same
            self._out.write(f"{text}\n")
            self._out.flush()
