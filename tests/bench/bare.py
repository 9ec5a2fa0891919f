"""The limit: a bare consumer that receives, decodes, commits and acknowledges. SQLite with
``synchronous=FULL``, or PostgreSQL by COPY, one transaction for all that waits.

No signatures, no rules, no roll-ups, no deduplication: what is left is broker, client library and disk.
Run as a process of its own: ``python -m tests.bench.bare PORT FILE-OR-URL``.
"""

import queue
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from pleintemps_contract.agent_messages import EventsBatch, SamplesBatch, Stream
from pleintemps_contract.gateway_messages import Receipt

Row = tuple[str, int, int, bytes]
_samples = msgspec.json.Decoder(SamplesBatch)
_events = msgspec.json.Decoder(EventsBatch)
_MOST = 500


def _no_delay(_client: mqtt.Client, _data: object, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main() -> None:
    port, where = int(sys.argv[1]), sys.argv[2]
    received: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare")
    client.on_socket_open = _no_delay
    client.on_message = lambda _client, _data, message: received.put((message.topic, bytes(message.payload)))
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.subscribe([(f"pleintemps/v1/+/+/{stream.value}", 1) for stream in Stream])
    client.loop_start()
    subscribed.wait(10)
    commit = _postgresql(where) if where.startswith("postgresql") else _sqlite(where)
    print("ready", flush=True)
    while True:
        taken = [received.get()]
        while len(taken) < _MOST and not received.empty():
            taken.append(received.get())
        through: dict[tuple[str, Stream], Receipt] = {}
        rows = []
        for topic, payload in taken:
            row, receipt = _read(topic, payload)
            rows.append(row)
            through[f"{topic.rpartition('/')[0]}/receipt", receipt.stream] = receipt
        commit(rows)
        for (topic, _), receipt in through.items():
            client.publish(topic, b"\n" + msgspec.json.encode(receipt), qos=1)


def _sqlite(path: str) -> Callable[[list[Row]], None]:
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE batches (topic TEXT, seq INTEGER, base INTEGER, body BLOB)")

    def commit(rows: list[Row]) -> None:
        store.execute("BEGIN")
        store.executemany("INSERT INTO batches VALUES (?, ?, ?, ?)", rows)
        store.execute("COMMIT")

    return commit


def _postgresql(url: str) -> Callable[[list[Row]], None]:
    store = psycopg.connect(url)
    store.execute("CREATE TABLE batches (topic TEXT, seq BIGINT, base BIGINT, body BYTEA)")
    store.commit()

    def commit(rows: list[Row]) -> None:
        with store.cursor() as cursor, cursor.copy("COPY batches FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "int8", "int8", "bytea"])
            for row in rows:
                copy.write_row(row)
        store.commit()

    return commit


def _read(topic: str, payload: bytes) -> tuple[Row, Receipt]:
    """The row of a batch, and the receipt that its commit allows."""
    if topic.endswith("/samples"):
        batch = _samples.decode(payload)
        journal, seq, at, stream = batch.journal, batch.seq, batch.base, Stream.SAMPLES
    else:
        records = _events.decode(payload)
        last = records.records[-1]
        journal, seq, at, stream = records.journal, last.seq, last.at, Stream.EVENTS
    receipt = Receipt(epoch=1, revision=1, journal=journal, stream=stream, through=seq)
    return (topic, seq, at, payload), receipt


if __name__ == "__main__":
    main()
