"""Mail and SMS through Apprise: one object for each message, made from the address of the service."""

import asyncio
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from pleintemps_contract.configfile import load_toml
from pleintemps_contract.errors import ConfigError, KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open
from pleintemps_contract.world import World
from pleintemps_gateway.config import GatewayConfig
from pleintemps_gateway.errors import UndeliveredError

from .calendar import calendar_of
from .channels import Parcel
from .letters import Letter, Writer

if TYPE_CHECKING:
    from apprise.logger import NotifyLogEntry

TEMPLATES: Final = Path(__file__).parent / "templates"
TIMEOUT_S: Final = 60
WITHOUT_CALENDAR: Final = frozenset({"noise"})
"""What is said while the booking is on and changes nothing of it."""
_WANTED: Final = {"mail": "{mail}", "sms": "{phone}"}
# one address or number, nothing that an address of Apprise could be made of
_USABLE: Final = {
    "mail": re.compile(r"[^\s@,;:/?#&<>()\"'\\]{1,64}@[A-Za-z0-9.-]{1,190}"),
    "sms": re.compile(r"\+?[0-9][0-9 .()-]{2,38}"),
}
# what a mail server says: (550, b'no such user') of one recipient, or the reply to the whole message
_REPLY: Final = re.compile(r"(?:\(|refused: )([245][0-9]{2})[, ]")
# apart from the threads that look for commands: a slow mail server must not hold an unlock
_threads: Final = ThreadPoolExecutor(4, "delivery")


class Urls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file ``[delivery] urls_file``."""

    mail: str = ""
    sms: str = ""


def read_urls(config: GatewayConfig) -> Urls:
    """The addresses that ``[delivery]`` asks for; raises ConfigError that never shows one of them."""
    path = Path(config.delivery.urls_file)
    try:
        refuse_if_open(path)
    except KeyFileError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    urls = load_toml(path, Urls)
    for name in config.delivery.channels:
        if _WANTED[name] not in (urls.mail if name == "mail" else urls.sms):
            raise ConfigError(f"{path}: {name}: an address of Apprise with {_WANTED[name]} in it")
    return urls


def _keep_to_itself() -> None:
    """Apprise's own lines hold addresses: they go to who waits for the answer, and to no log."""
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


File = tuple[str, str | bytes, str]
"""Name, content, MIME type."""


def through_apprise(
    url: str, title: str, body: str, *, kind: str = "text", files: Sequence[File] = ()
) -> None:
    """Send once to ``url``; ``kind`` is ``text`` or ``html``. Raises UndeliveredError that shows no address.

    Blocks until the service has answered; call in a thread.
    """
    from apprise import Apprise, AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    _keep_to_itself()
    notifier = Apprise()
    if not notifier.add(url):
        raise UndeliveredError("the address cannot be used", final=True)
    said: list[str] = []

    def hear(entry: "NotifyLogEntry", *_: Any) -> None:
        said.append(str(entry.message))

    attachments = AppriseAttachment() if files else None
    for name, content, mime in files:
        memory: Any = AttachMemory
        if attachments is not None:
            attachments.add(memory(content=content, name=name, mimetype=mime))
    result = notifier.notify(
        body=body,
        title=title,
        body_format=kind,
        attach=attachments,
        timeout=TIMEOUT_S,
        log_callback=hear,
        log_level=logging.DEBUG,
    )
    if not result:
        reply = next((found for text in said for found in _REPLY.findall(text)), "")
        what = f"the server said {reply}" if reply else "no connection, or the service refused it"
        raise UndeliveredError(what, final=reply.startswith("5") and reply != "503")


class AppriseChannel:
    """``name`` is ``mail`` or ``sms``, ``url`` the address of Apprise with the place of the person's own."""

    def __init__(self, name: str, url: str, config: GatewayConfig, world: World) -> None:
        self._name = name
        self._url = url
        self._sites = {site.site: site for site in config.sites}
        self._writer = Writer(config)
        self._world = world
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def send(self, parcel: Parcel) -> None:
        """Raises UndeliveredError: ``final`` where the server refuses this very message or recipient."""
        try:
            letter = self._writer.write(parcel.template, parcel.message)
        except KeyError as error:
            raise UndeliveredError("its site is not in the configuration any more", final=True) from error
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(_threads, self._send, parcel, letter)

    def _send(self, parcel: Parcel, letter: Letter) -> None:
        contact = parcel.message.contact
        own = "" if contact is None else (contact.mail if self._name == "mail" else contact.phone)
        if not _USABLE[self._name].fullmatch(own):
            raise UndeliveredError("the address cannot be used", final=True)
        url = self._url.replace(_WANTED[self._name], quote(own, safe=""))
        if self._name == "sms":
            through_apprise(url, "", letter.sms)
            return
        colon = "\u00a0: " if letter.language == "fr" else ": "
        page = self._environment.get_template("mail.html").render(letter=letter, colon=colon)
        through_apprise(url, letter.subject, page, kind="html", files=self._files(parcel, letter))

    def _files(self, parcel: Parcel, letter: Letter) -> list[File]:
        message = parcel.message
        if not message.booking or not message.end or parcel.template in WITHOUT_CALENDAR:
            return []
        gone = parcel.template in ("cancelled", "released")
        site = self._sites[message.site]
        content = calendar_of(site, message, letter.language, self._world.now(), cancelled=gone)
        return [("booking.ics", content, "text/calendar")]
