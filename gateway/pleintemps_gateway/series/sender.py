"""One request to an InfluxDB write API through ``influxdb-client``: prebuilt gzip, synchronous."""

from base64 import b64encode
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
_HEADERS: Final = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}


class Sender:
    """Holds the connections. The token's file is read anew after a failure, to find a corrected one."""

    def __init__(self, config: SeriesConfig) -> None:
        self.host = urlsplit(config.url).netloc
        self._config = config
        self._token_file = Path(config.token_file) if config.token_file else None
        self._client: InfluxDBClient | None = None
        self._path = "/write" if config.api == "v1" else "/api/v2/write"
        self._query = _query(config)

    def send(self, body: bytes) -> None:
        """Return when the server has said that it stored the lines of ``body`` (gzip); raises
        SeriesDownError or LinesRefusedError."""
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        client = self._client or self._open()
        try:
            # not through WriteApi: it would compress anew, at level 9
            client.api_client.call_api(  # type: ignore[no-untyped-call]
                self._path, "POST", query_params=self._query, header_params=dict(_HEADERS), body=body
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

        token = self._token()
        self._client = InfluxDBClient(
            url=self._config.url,
            token=token,
            org=self._config.org,
            timeout=TIMEOUT_MS,
        )
        if self._config.api == "v1" and token:
            # InfluxDB knows "Token" with a name and a password since 1.8 only
            basic = b64encode(token.encode()).decode()
            headers: dict[str, str] = self._client.api_client.default_headers
            headers["Authorization"] = f"Basic {basic}"
        return self._client

    def _token(self) -> str:
        if self._token_file is None:
            return ""
        try:
            refuse_if_open(self._token_file)
            return self._token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError, KeyFileError) as error:
            raise SeriesDownError(f"token_file: {error}") from error


def _query(config: SeriesConfig) -> list[tuple[str, str]]:
    if config.api == "v2":
        return [("org", config.org), ("bucket", config.bucket), ("precision", "ms")]
    database, _, policy = config.bucket.partition("/")
    return [("db", database), *([("rp", policy)] if policy else []), ("precision", "ms")]


def _reason(error: "ApiException") -> str:
    body = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
    text = body.decode(errors="replace") or str(error.reason or "")
    return " ".join(text.split())[:_MAX_REASON]


def _retry_after(error: "ApiException") -> float:
    headers: Mapping[str, str] = error.headers or {}
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0
