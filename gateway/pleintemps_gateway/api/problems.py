"""What a request can be refused for, and the one JSON shape of every refusal.

    {"error": {"code": "not-found", "message": "No alert of that name.", "where": "alert"}}

``code`` is for programs and stays; ``message`` is English for developers;
``where`` names the field, or is empty.
"""

from typing import Final

from pleintemps_gateway.errors import GatewayError

# The page of an error takes its words from the status alone, so that it can speak the reader's language.
CODES: Final = {
    400: "bad-request",
    401: "not-logged-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    429: "slow-down",
    500: "internal",
    503: "unavailable",
}


class Problem(GatewayError):
    """A request that is refused; the caller's fault, unless ``status`` is 500 or more."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        where: str = "",
        code: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or CODES.get(status, "error")
        self.message = message
        self.where = where
        self.headers = headers or {}

    def body(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": self.message, "where": self.where}}


def not_found(what: str) -> Problem:
    """``what`` is not there, or not for this reader: both look alike."""
    return Problem(404, f"No such {what}.", where=what)
