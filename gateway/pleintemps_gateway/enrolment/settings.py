"""``[broker]`` and ``[enrolment]`` of the configuration: the broker that ``init`` writes files for, and the
desk where agents get their certificates.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from pleintemps_contract.enrolment import PORT

_Broker = Annotated[str, Meta(pattern=r"^(mqtts://[^/\s@]+)?\Z")]


class BrokerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the site's own Mosquitto is told in ``keys/broker/mosquitto.conf``.

    It listens on ``bind`` (everywhere if empty) and keeps what must outlast it in ``data`` (``state/broker``
    if empty). Started by root it becomes ``user`` (if empty: whose the keys are). When who may speak changes,
    ``reload`` is run, or the process of ``pid_file`` (in ``data`` if empty) gets SIGHUP. ``also`` is a file
    of more lines for the ACL.
    """

    bind: str = ""
    data: str = ""
    user: str = ""
    pid_file: str = ""
    reload: Annotated[tuple[str, ...], Meta(max_length=32)] = ()
    also: str = ""

    def located(self, base: Path, state: Path) -> "BrokerConfig":
        data = base / self.data if self.data else state / "broker"
        return replace(
            self,
            data=str(data),
            pid_file=str(base / self.pid_file if self.pid_file else data / "mosquitto.pid"),
            also=str(base / self.also) if self.also else "",
        )


class EnrolmentConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the desk listens, and what it gives: certificates for ``days``, and the address of the broker as
    agents reach it (``mqtt.url`` if empty).
    """

    host: str = "0.0.0.0"
    port: Annotated[int, Meta(ge=1, le=65_535)] = PORT
    broker: _Broker = ""
    days: Annotated[int, Meta(ge=1, le=3_650)] = 365
