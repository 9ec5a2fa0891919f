"""Which language a request is answered in: ``?lang=``, then the cookie, then ``Accept-Language``."""

from typing import Final

from fastapi import Request

from pleintemps_gateway.web.i18n import choose

LANGUAGE_COOKIE: Final = "pleintemps_lang"


def language_of(request: Request) -> str:
    wanted = (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE))
    return choose(wanted, request.headers.get("accept-language", ""))
