"""What all tables share: one MetaData, the column ``site``, times in Unix ms."""

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, String

metadata: Final = MetaData()
Ms = BigInteger


def site_column() -> Column[str]:
    return Column("site", String(40), nullable=False)
