"""Where sites lie and how their floors look: ``[map]``, ``[sites.place]`` and ``[[sites.plans]]``."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pleintemps_contract.errors import ConfigError
from pleintemps_contract.identifiers import Slug

IMAGES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class MapConfig(_Table, frozen=True, kw_only=True):
    """``outline`` is a GeoJSON file (RFC 7946): lines and areas that are drawn behind the sites."""

    outline: str = ""


class PlaceConfig(_Table, frozen=True, kw_only=True):
    """Degrees (WGS 84)."""

    lat: Annotated[float, Meta(ge=-85, le=85)]
    lon: Annotated[float, Meta(ge=-180, le=180)]


Size = Annotated[float, Meta(gt=0, le=100_000)]
Point = tuple[float, float]


class PlanSpaceConfig(_Table, frozen=True, kw_only=True):
    """The corners of a space on its plan, in the plan's own units, y downwards."""

    space: Slug
    corners: Annotated[list[Point], Meta(min_length=3, max_length=200)]


class PlanConfig(_Table, frozen=True, kw_only=True):
    """A floor of ``width`` by ``height`` units. ``image`` (SVG, PNG, JPEG, WebP) lies behind the spaces."""

    plan: Slug
    name: str
    width: Size = 100
    height: Size = 60
    image: str = ""
    spaces: list[PlanSpaceConfig] = []

    def __post_init__(self) -> None:
        if self.image and Path(self.image).suffix.lower() not in IMAGES:
            raise ValueError(f"image: {self.image!r} is none of {', '.join(sorted(IMAGES))}")
        for each in self.spaces:
            for x, y in each.corners:
                if not (0 <= x <= self.width and 0 <= y <= self.height):
                    raise ValueError(f"a corner of {each.space!r} lies outside of the plan: {x}, {y}")


def located(plans: list[PlanConfig], base: Path) -> list[PlanConfig]:
    """With absolute paths."""
    return [replace(plan, image=str(base / plan.image)) if plan.image else plan for plan in plans]


def check_plans(where: str, plans: list[PlanConfig], spaces: Collection[str]) -> None:
    """Raises ConfigError for a plan of that name twice, or a space that the site has not."""
    names = [plan.plan for plan in plans]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: two plans are called {name!r}")
    for plan in plans:
        for each in plan.spaces:
            if each.space not in spaces:
                raise ConfigError(f"{where}: plan {plan.plan!r}: no space is called {each.space!r}")
