"""``/metrics`` for Prometheus; not there unless the configuration says who may read it."""

import hmac
from ipaddress import ip_address, ip_network
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from pleintemps_gateway.bookings.sources.secret import read_secret
from pleintemps_gateway.connections.settings import MetricsConfig
from pleintemps_gateway.errors import FeedError

from .auth import InContext

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def metrics(request: Request, context: InContext) -> Response:
    """404 without ``[metrics]``, 403 for an address, 401 for a token that it does not name."""
    settings = context.config.metrics
    if settings is None:
        return PlainTextResponse("not switched on\n", 404)
    if settings.addresses and not _is_among(request.client.host if request.client else "", settings):
        return PlainTextResponse("not for this address\n", 403)
    if settings.token_file:
        try:
            token = read_secret(settings.token_file)
        except FeedError:
            return PlainTextResponse("the token cannot be read here\n", 503)
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            return PlainTextResponse("the token is wanted\n", 401, headers={"WWW-Authenticate": "Bearer"})
    from pleintemps_gateway.metrics.collector import expose

    return Response(expose(context.config, context.engine), media_type=MEDIA)


def _is_among(host: str, settings: MetricsConfig) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(
        mapped.version == network.version and mapped in network
        for network in map(ip_network, settings.addresses)
    )
