"""A tester's file as it is read and written again for the bench."""

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pleintemps_firmware_sim.conform.setup import Setup, toml
from pleintemps_firmware_sim.errors import ConformError

from .agents import EXAMPLE

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_PLAIN = st.one_of(_TEXT, st.integers(-(2**53), 2**53), st.booleans(), st.floats(allow_nan=False))
_VALUE = st.one_of(_PLAIN, st.lists(_PLAIN, max_size=3), st.dictionaries(_TEXT, _PLAIN, max_size=2))
_TABLE = st.dictionaries(_TEXT, _VALUE, max_size=4)


@given(
    st.dictionaries(_TEXT, st.one_of(_VALUE, _TABLE, st.lists(_TABLE, min_size=1, max_size=2)), max_size=5)
)
def test_what_is_written_reads_the_same(tables: dict[str, Any]) -> None:
    assert tomllib.loads(toml(tables)) == tables


@given(st.binary(max_size=200))
def test_a_hostile_file_is_refused_in_one_line(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("hostile") / "edge.toml"
    path.write_bytes(data)
    try:
        Setup.read(path)
    except ConformError as error:
        assert len(str(error).splitlines()) == 1


def test_the_bench_has_keys_state_and_brokers_of_its_own() -> None:
    theirs = tomllib.loads(EXAMPLE.read_text())
    at_bench = tomllib.loads(Setup.read(EXAMPLE).at_bench(Path("/bench"), microphones=False))
    assert at_bench["keys"] == "/bench/keys"
    assert at_bench["state"] == "/bench/state"
    assert at_bench["devices"] == theirs["devices"]
    assert at_bench["doors"] == theirs["doors"]
