"""What Prometheus reads: who may, what it is called, and that the rules speak of what there is."""

import asyncio
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert, update

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.keyfiles import write_secret
from pleintemps_contract.world import ManualWorld
from pleintemps_dashboards import PROMETHEUS
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.config import GatewayConfig, SeriesConfig
from pleintemps_gateway.connections.settings import MetricsConfig, WebhooksConfig, check
from pleintemps_gateway.metrics.collector import expose
from pleintemps_gateway.series.outbox import Batch, Outbox, pack
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.store.schema import agents, bookings, deliveries, housekeeping, journals
from pleintemps_gateway.store.schema_connections import posts, webhooks
from tests.gateway.web import town
from tests.gateway.web.clients import browser

LABELS = {"site", "agent", "stream", "health", "series", "state", "alarm", "kind", "rank", "channel"}
LABELS |= {"feed", "result", "version"}
WORDS = r"[a-z_][a-z0-9_]*"


def config(**more: Any) -> GatewayConfig:
    return msgspec.structs.replace(town.config(), **more)


def families(body: bytes) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def value(body: bytes, name: str, **labels: str) -> float:
    (found,) = [
        sample.value
        for family in families(body).values()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return float(found)


@pytest.fixture
def whole(engine: Engine, tmp_path: Path) -> bytes:
    """A scrape of a town in which everything is there."""
    with write_transaction(engine, ["moulin"]) as conn:
        conn.execute(insert(housekeeping).values(site="moulin", at=town.NOW))
        row: dict[str, Any] = {"site": "moulin", "journal": "0" * 32, "stream": "events", "agent": "moulin-1"}
        conn.execute(insert(journals).values(row | {"through": 40, "lost": 2, "duplicates": 3}))
        conn.execute(insert(journals).values(row | {"journal": "1" * 32, "through": 2}))
        conn.execute(update(agents).values(certificate_until=town.NOW))
        told: dict[str, Any] = {"site": "moulin", "delivery": "4" * 32, "template": "code", "channel": "mail"}
        conn.execute(insert(deliveries).values(told | {"state": "failed", "due": 0, "created": 0}))
        hook: dict[str, Any] = {
            "site": "moulin",
            "hook": "2" * 32,
            "label": "x",
            "url": "https://x.example",
            "events": "[]",
        }
        hook |= {"events": "[]", "secret": b"", "made_by": "marion", "state": "on"}
        conn.execute(insert(webhooks).values(hook | {"made": town.NOW, "cursor": 0, "failing": town.NOW}))
        post = {"site": "moulin", "hook": "2" * 32, "event": "alert", "subject": "a", "post": "3" * 32}
        conn.execute(insert(posts).values(post | {"digest": "", "body": "{}", "at": town.NOW, "attempts": 1}))
    outbox = Outbox(tmp_path / "series.db", 10_000_000)
    outbox.add([Batch(2, True, pack(["a v=1.0 1", "a v=2.0 2"]))])
    outbox.close()
    return expose(config(state=str(tmp_path), series=SeriesConfig(url="http://127.0.0.1:1")), engine)


def test_what_is_there_is_told(whole: bytes) -> None:
    here = {"site": "moulin"}
    assert value(whole, "pleintemps_agent_online", site="ecole", agent="cantine-1") == 0
    seen = value(whole, "pleintemps_agent_last_seen_timestamp_seconds", **here, agent="moulin-1")
    assert seen == (town.NOW - 2_000) / 1000
    records = {**here, "agent": "moulin-1", "stream": "events"}
    assert value(whole, "pleintemps_journal_records_total", **records) == 42
    assert value(whole, "pleintemps_journal_lost_records_total", **records) == 2
    assert value(whole, "pleintemps_spaces", site="ecole", state="unknown") == 1
    assert value(whole, "pleintemps_spaces", **here, state="unknown") == 0
    assert value(whole, "pleintemps_devices", site="ecole", agent="ecole-1", health="silent") == 1
    assert value(whole, "pleintemps_refusals_total", **here) == 3
    assert value(whole, "pleintemps_webhooks_failing", **here) == 1
    assert value(whole, "pleintemps_webhook_waiting_messages", **here) == 1
    assert value(whole, "pleintemps_series_waiting_lines") == 2
    assert value(whole, "pleintemps_series_lines_total", result="dropped") == 0


def test_names_follow_the_conventions_and_nobody_is_named(whole: bytes, engine: Engine) -> None:
    found = families(whole)
    assert len(found) > 20
    for name, family in found.items():
        assert re.fullmatch(rf"pleintemps_{WORDS}", name)
        assert family.documentation.endswith(".")
        assert not re.search(r"(_ms|_minutes|_hours|_percent)$", name)
        for sample in family.samples:
            assert (sample.name == f"{name}_total") == (family.type == "counter")
            assert sample.labels.keys() <= LABELS
    with engine.connect() as conn:
        rows = conn.execute(bookings.select()).all()
    assert rows
    for row in rows:
        assert row.booking not in whole.decode() and row.title not in whole.decode()
    assert "camille" not in whole.decode() and "marion" not in whole.decode()


def test_every_rule_speaks_of_metrics_and_labels_that_there_are(whole: bytes) -> None:
    samples = {sample.name: sample.labels for each in families(whole).values() for sample in each.samples}
    samples["up"] = {"job": "", "instance": ""}
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    (group,) = rules["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names) > 15
    asked: set[str] = set()
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description"}
        mine = re.findall(rf"\b(pleintemps_{WORDS}|up)\b", rule["expr"])
        assert mine and set(mine) <= samples.keys(), rule["alert"]
        asked |= set(mine)
        labels = set.intersection(*(set(samples[name]) for name in mine))
        matched = re.findall(rf"({WORDS})(?:=|!=|=~)\"", rule["expr"])
        said = re.findall(rf"\$labels\.({WORDS})", " ".join(rule["annotations"].values()))
        assert set(matched) | set(said) <= labels | {"instance"}, rule["alert"]
    counters = {name for name in asked if name.endswith("_total")}
    assert counters == {
        name for rule in group["rules"] for name in re.findall(r"increase\((\w+)", rule["expr"])
    }


def test_it_is_there_only_for_whom_the_configuration_names(
    app: FastAPI, engine: Engine, world: ManualWorld, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    write_secret(token, b"t0ken\n")

    async def ask(metrics: MetricsConfig | None, authorization: str = "") -> tuple[int, str]:
        headers = {"authorization": authorization} if authorization else {}
        async with browser(create_app(config(metrics=metrics), world, engine), **headers) as client:
            answer = await client.get("/metrics")
            return answer.status_code, answer.headers["content-type"]

    async def story() -> None:
        assert (await ask(None))[0] == 404
        with_token = MetricsConfig(token_file=str(token))
        assert (await ask(with_token))[0] == 401
        assert (await ask(with_token, "Bearer other"))[0] == 401
        assert (await ask(with_token, "Basic t0ken"))[0] == 401
        assert await ask(with_token, "Bearer t0ken") == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert (await ask(MetricsConfig(addresses=("127.0.0.0/8",))))[0] == 200
        assert (await ask(MetricsConfig(addresses=("10.0.0.0/8", "::1"))))[0] == 403
        both = MetricsConfig(addresses=("127.0.0.1",), token_file=str(token))
        assert (await ask(both))[0] == 401
        token.chmod(0o644)
        assert (await ask(with_token, "Bearer t0ken"))[0] == 503

    asyncio.run(story())


@pytest.mark.parametrize(
    ("metrics", "hooks", "said"),
    [
        (MetricsConfig(), WebhooksConfig(), "one is needed"),
        (MetricsConfig(addresses=("nowhere",)), WebhooksConfig(), "metrics.addresses"),
        (None, WebhooksConfig(private_networks=("10.0.0.1/8",)), "webhooks.private_networks"),
    ],
)
def test_a_mistake_is_named(metrics: MetricsConfig | None, hooks: WebhooksConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(None, metrics, hooks, {"ecole"})
