"""One request to an InfluxDB v2 write API through ``influxdb-client``: prebuilt lines, synchronous, gzip."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pleintemps_contract.errors import KeyFileError
from pleintemps_contract.keyfiles import refuse_if_open
from pleintemps_gateway.config import SeriesConfig
from pleintemps_gateway.errors import LinesRefusedError, SeriesDownError

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.rest import ApiException

TIMEOUT_MS: Final = 10_000
_ABOUT_THE_LINES: Final = frozenset({400, 413, 422})
_MAX_REASON: Final = 200


class Sender:
    """Holds the connections. The token's file is read anew after a failure, to find a corrected one."""

    def __init__(self, config: SeriesConfig) -> None:
        self.host = urlsplit(config.url).netloc
        self._config = config
        self._token_file = Path(config.token_file) if config.token_file else None
        self._client: InfluxDBClient | None = None

    def send(self, lines: list[str]) -> None:
        """Return when the server has said that it stored ``lines``; raises SeriesDownError or
        LinesRefusedError."""
        from influxdb_client.client.write_api import SYNCHRONOUS
        from influxdb_client.domain.write_precision import WritePrecision
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        client = self._client or self._open()
        try:
            with client.write_api(write_options=SYNCHRONOUS) as api:
                api.write(
                    bucket=self._config.bucket,
                    org=self._config.org,
                    record="\n".join(lines).encode(),
                    write_precision=WritePrecision.MS,
                )
        except ApiException as error:
            reason = f"HTTP {error.status} {_reason(error)}"
            if error.status in _ABOUT_THE_LINES:
                raise LinesRefusedError(reason) from error
            self.close()
            raise SeriesDownError(reason, _retry_after(error)) from error
        except (HTTPError, OSError) as error:
            self.close()
            raise SeriesDownError(f"{type(error).__name__}: {error}"[:_MAX_REASON]) from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None

    def _open(self) -> "InfluxDBClient":
        from influxdb_client.client.influxdb_client import InfluxDBClient

        self._client = InfluxDBClient(
            url=self._config.url,
            token=self._token(),
            org=self._config.org,
            timeout=TIMEOUT_MS,
            enable_gzip=True,
        )
        return self._client

    def _token(self) -> str:
        if self._token_file is None:
            return ""
        try:
            refuse_if_open(self._token_file)
            return self._token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError, KeyFileError) as error:
            raise SeriesDownError(f"token_file: {error}") from error


def _reason(error: "ApiException") -> str:
    body = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
    text = body.decode(errors="replace") or str(error.reason or "")
    return " ".join(text.split())[:_MAX_REASON]


def _retry_after(error: "ApiException") -> float:
    headers: Mapping[str, str] = error.headers or {}
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0
