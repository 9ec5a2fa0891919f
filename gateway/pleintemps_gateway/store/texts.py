"""What a statement is to the driver: its text, made once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ClauseElement, Executable, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Params = Mapping[str, Any]
_encoder: Final = msgspec.json.Encoder()


def as_json(rows: Sequence[Any]) -> str:
    """Rows as one text, of which PostgreSQL's ``json_to_recordset`` makes rows again."""
    return _encoder.encode(rows).decode()


class Wording(NamedTuple):
    """What the driver gets: ``fixed`` are values of the statement itself, ``lists`` what the members of a
    list are called, ``convert`` what is made of a value for its type.
    """

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    lists: dict[str, list[str]]
    convert: dict[str, Callable[[Any], Any]]

    def rows(self, params: Iterable[Params]) -> Iterable[Sequence[Any]]:
        """:attr:`values` of each."""
        if self.fixed or self.lists or self.convert or len(self.names) < 2:
            return map(self.values, params)
        return map(itemgetter(*self.names), params)

    def values(self, params: Params) -> list[Any]:
        """In the order of the text, for SQLite."""
        params = self._whole(params)
        if not self.convert:
            return [params[name] for name in self.names]
        convert = self.convert
        return [convert[name](params[name]) if name in convert else params[name] for name in self.names]

    def named(self, params: Params) -> Params:
        """By name, for PostgreSQL."""
        params = self._whole(params)
        if not self.convert:
            return params
        return dict(params) | {name: convert(params[name]) for name, convert in self.convert.items()}

    def _whole(self, params: Params) -> Params:
        if self.fixed or self.lists:
            params = {**self.fixed, **params}
            for name, members in self.lists.items():
                params |= zip(members, params[name], strict=True)
        return params


def compiled(statement: Executable, dialect: Dialect, params: Params) -> Wording:
    """The text for parameters of these names, and lists of these lengths."""
    assert isinstance(statement, ClauseElement)
    made = statement.compile(dialect=dialect, column_keys=list(params))
    assert isinstance(made, SQLCompiler) and not made.insert_prefetch
    state = made.construct_expanded_state(dict(params))
    lists = {name: names for name, names in state.parameter_expansion.items() if name in params}
    given = {*params, *(name for names in lists.values() for name in names)}
    return Wording(
        state.statement,
        tuple(state.positiontup or ()),
        {name: value for name, value in state.parameters.items() if name not in given},
        lists,
        # bytes are bytes to the driver
        {
            name: convert
            for name, convert in state.processors.items()
            if not isinstance(made.binds[name].type, LargeBinary)
        },
    )
