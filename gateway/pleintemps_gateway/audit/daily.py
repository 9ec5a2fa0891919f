"""The head of the log, signed once a day by the process that keeps house, and said so that it can be noted.

A head that was written down elsewhere (a ticket, a printout, the town's own log server) shows whether
somebody who holds the gateway's machine and keys has made a new log.
"""

import logging
from typing import Final

from sqlalchemy import Connection, select

from pleintemps_contract.envelope import Signer
from pleintemps_contract.logs import line
from pleintemps_gateway.store.schema import audit_heads

from .log import EVERY_SITE, sign_head

DAY_MS: Final = 86_400_000

_log = logging.getLogger(__name__)


def sign_daily(conn: Connection, site: str, signer: Signer, now: int) -> bool:
    """Sign the last entry of ``site``, and of what concerns every site, unless that was done within a day."""
    return any([_sign(conn, each, signer, now) for each in (site, EVERY_SITE)])


def _sign(conn: Connection, site: str, signer: Signer, now: int) -> bool:
    mine = audit_heads.c.site == site
    last = select(audit_heads.c.at).where(mine).order_by(audit_heads.c.seq.desc()).limit(1)
    at = conn.execute(last).scalar()
    # a clock that was set back signs once more
    if at is not None and 0 <= now - at < DAY_MS:
        return False
    if not sign_head(conn, site, signer, now):
        return False
    row = conn.execute(select(audit_heads).where(mine).order_by(audit_heads.c.seq.desc()).limit(1)).one()
    _log.info(line("audit-head", site=site, seq=row.seq, chain=row.chain))
    return True
