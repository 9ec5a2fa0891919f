"""Giving free memory back to the system."""

from pleintemps_gateway.ingest.trimming import give_back


def test_what_is_free_is_given_back_as_often_as_wanted() -> None:
    kept = [bytes(5_000) for _ in range(100)]
    freed = [bytes(5_000) for _ in range(100)]
    del freed
    give_back()
    give_back()
    assert all(each == bytes(5_000) for each in kept)
