"""What is made from the kits is stored as it is made today: tables, YAML, bills and lock loops to the byte,
the wiring diagrams by what they show.
"""

import csv
import io
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from pleintemps_hardware import bill, board, circuit, kit, papers, schematic, tables

from .altering import core_moved, good, read, table

HARDWARE = Path(__file__).parents[2] / "hardware"
SVG = "{http://www.w3.org/2000/svg}"


def test_what_is_stored_is_what_is_made_today() -> None:
    made = papers.files()
    stored = {name: (HARDWARE / name).read_text("utf-8") for name in made if (HARDWARE / name).exists()}
    assert sorted(stored) == sorted(made)
    changed = [name for name in made if stored[name] != made[name]]
    assert changed == [], "run `make hardware` and look at what it changed"


def test_nothing_else_lies_beside_it() -> None:
    drawn = {f"{name.removesuffix('.yml')}.svg" for name in papers.files() if name.endswith(".yml")}
    there = {
        str(path.relative_to(HARDWARE))
        for folder in ("wiring", "bill")
        for path in (HARDWARE / folder).iterdir()
    }
    assert there == {name for name in papers.files() if "/" in name} | drawn


def shown(path: Path) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Texts, names of boxes and wires, and colours of wires: all but places, which are the fonts' affair."""
    root = ET.fromstring(path.read_text("utf-8"))
    texts = Counter("".join(each.itertext()).strip() for each in root.iter(f"{SVG}text"))
    groups = [each for each in root.iter(f"{SVG}g") if each.get("class") in ("node", "edge")]
    titles = Counter(f"{each.get('class')} {each.findtext(f'{SVG}title')}" for each in groups)
    lines = Counter(
        str(path.get("stroke"))
        for each in groups
        if each.get("class") == "edge"
        for path in each.iter(f"{SVG}path")
    )
    return texts, titles, lines


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_the_drawings_show_what_the_yaml_says(tmp_path: Path) -> None:
    """Drawn anew and compared by content: Graphviz places things by the fonts of the machine."""
    sources = sorted((HARDWARE / "wiring").glob("*.yml"))
    assert len(sources) == 6
    for source in sources:
        (tmp_path / source.name).write_bytes(source.read_bytes())
    program = Path(sys.executable).parent / "wireviz"
    command = [str(program), "-f", "s", *(str(tmp_path / each.name) for each in sources)]
    drawn = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert drawn.returncode == 0, drawn.stderr
    for source in sources:
        name = source.with_suffix(".svg").name
        assert shown(tmp_path / name) == shown(HARDWARE / "wiring" / name), name


def variants() -> list[tuple[str, kit.Profile]]:
    profiles = [good(name) for name in kit.names()]
    return [(f"{p.name}-{v.variant}", kit.built(p, v)) for p in profiles for v in p.variants]


@pytest.mark.parametrize(("name", "profile"), variants(), ids=[name for name, _ in variants()])
def test_a_drawing_names_every_part_cable_terminal_and_colour(name: str, profile: kit.Profile) -> None:
    texts, titles, _ = shown(HARDWARE / "wiring" / f"{name}.svg")
    words = " ".join(texts)
    for part in profile.parts:
        assert f"node {part.part}" in titles
        assert part.diode in words
    for cable in profile.cables:
        assert f"node {cable.cable}" in titles
        assert all(any(text.endswith(f":{core.colour}") for text in texts) for core in cable.cores)
    for terminal in profile.terminals:
        assert terminal.block == "J8" or any(text.startswith(terminal.title) for text in texts)
    pins = {f"GPIO{each.pin}" for each in profile.terminals if each.pin is not None}
    assert pins == {text for text in texts if re.fullmatch(r"GPIO\d+", text)}


def loop(profile: kit.Profile) -> list[str]:
    """The bold words along the wire, from left to right along the upper line."""
    root = ET.fromstring(schematic.lock_loop(profile, profile.locks[0]))
    words = [
        (float(each.get("x", "0")), each.text or "")
        for each in root.iter(f"{SVG}text")
        if each.get("font-weight") == "bold" and float(each.get("y", "0")) < 200 and each.get("text-anchor")
    ]
    return [word for _, word in sorted(words)]


def test_the_magnets_supply_runs_through_fuse_fire_exit_and_relay() -> None:
    profile = dict(variants())["door-unit-magnet-osdp"]
    assert [word for word in loop(profile) if word not in ("PS2",)] == [
        "F1 1 A T",
        "X1.1",
        "fire-panel 11-12",
        "X1.2",
        "exit-button 11-12",
        "X1.3",
        "K1 COM-NC",
        "X1.4",
    ]
    drawing = schematic.lock_loop(profile, profile.locks[0])
    assert "opens in a fire" in drawing
    assert "1N4007" in drawing
    assert "frees the door, with the Pi on or off: fire-panel 11-12, exit-button 11-12." in drawing


def test_the_drawing_follows_the_wiring_and_not_our_wishes() -> None:
    found = table("door-unit")
    core_moved(found, "W9", "11", "X1.1")  # around the fire contact
    profile = read(found)
    magnet = next(kit.built(profile, each) for each in profile.variants if each.variant == "magnet-osdp")
    assert "fire-panel 11-12" not in loop(magnet)
    assert "on or off: exit-button 11-12." in schematic.lock_loop(magnet, magnet.locks[0])
    core_moved(found, "W7", "+", "X1.5")
    profile = read(found)
    magnet = next(kit.built(profile, each) for each in profile.variants if each.variant == "magnet-osdp")
    with pytest.raises(ValueError, match="magnet is not fed"):
        schematic.lock_loop(magnet, magnet.locks[0])


@pytest.mark.parametrize("name", kit.names())
def test_the_table_has_a_row_for_every_core(name: str) -> None:
    profile = good(name)
    rows = list(csv.reader(io.StringIO(tables.csv_table(profile, board.load(profile.board)))))
    assert rows[0] == list(tables.HEADINGS)
    cores = Counter(
        (core.at, cable.part, core.to, cable.cable) for cable in profile.cables for core in cable.cores
    )
    assert Counter((row[0], row[2], row[3], row[4]) for row in rows[1:]) == cores
    assert all(float(row[7]) <= float(row[8]) for row in rows[1:])


@pytest.mark.parametrize("name", kit.names())
def test_the_bill_has_every_part_with_two_alternatives(name: str) -> None:
    profile = good(name)
    items = [item for item in bill.read() if name in item.kits]
    bought = {part for item in items for part in item.parts}
    assert {part.part for part in profile.parts} | {"controller", "X", "F", "W"} <= bought
    assert all(len(set(item.alternatives)) >= 2 and item.why and item.must for item in items)
    options = {""} | {option for variant in profile.variants for option in variant.choose}
    assert {item.only for item in items} <= options
    for item in items:
        for part in (profile.part(each) for each in item.parts):
            assert part is None or part.only == item.only
    low, high = bill.total(name, frozenset(profile.variants[0].choose))
    assert 0 < low < high


def test_no_part_is_listed_without_a_wire() -> None:
    for _, profile in variants():
        graph = circuit.of(profile)
        assert all(
            any(f"{part.part}:{name}" in graph.edges for name in part.terminals) for part in profile.parts
        )
