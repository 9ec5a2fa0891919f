"""The remote part of agents' configuration: composed, signed, sent again, and what agents say of it."""

from typing import Any

import msgspec

from pleintemps_contract.agent_messages import ConfigResult
from pleintemps_contract.gateway_messages import Config, DoorTimings
from pleintemps_gateway.config import SiteConfig


class TimingsBook:
    """What every agent of one site should be told; an agent that was never told anything stays so."""

    def __init__(self, config: SiteConfig) -> None:
        self._wanted: dict[str, dict[str, DoorTimings]] = {}
        for door in config.doors:
            own = self._wanted.setdefault(door.agent, {})
            if door.timings is not None:
                own[door.door] = DoorTimings(**msgspec.structs.asdict(door.timings))
        self.published: dict[str, Config] = {}

    def compose(self, agent: str, row: dict[str, Any], epoch: int, revision: int) -> Config | None:
        """What ``agent`` is to be told, which ``row`` (of ``agents``) then says; None if there is nothing.

        An agent that was told something once is told of its end as well.
        """
        doors = self._wanted.get(agent, {})
        if not doors and row["config"] is None:
            return None
        row["config"] = msgspec.json.encode(doors).decode()
        row["config_epoch"], row["config_revision"] = epoch, revision
        row["config_applied"] = row["config_detail"] = None
        made = self.published[agent] = Config(epoch=epoch, revision=revision, doors=doors)
        return made

    @property
    def agents(self) -> list[str]:
        return sorted(self._wanted)

    def answered(self, agent: str, result: ConfigResult, row: dict[str, Any]) -> str:
        """Note what the agent says; returns a complaint if it was never told this."""
        told = self.published.get(agent)
        if told is None or (result.epoch, result.revision) > (told.epoch, told.revision):
            return "an answer to a configuration that was never sent"
        if (result.epoch, result.revision) == (told.epoch, told.revision):
            row["config_applied"], row["config_detail"] = result.applied, result.detail or None
        return ""
