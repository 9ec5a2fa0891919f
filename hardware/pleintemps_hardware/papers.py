"""Every file that is made from the kits: tables, WireViz's YAML, the lock's supply, bills, forms."""

from pathlib import Path

from . import bill, board, keysafe, kit, label, schematic, tables, wireviz


def files() -> dict[str, str]:
    """The text of each, by its path below ``hardware/``. WireViz draws ``wiring/*.yml`` into ``*.svg``."""
    found = {
        "key-safe.svg": keysafe.svg(),
        "label.svg": label.svg(label.Label(site="Saint-Aubin", door="Portail", number="+33 1 99 00 12 34")),
    }
    for name in kit.names():
        profile = kit.load(name, Path())
        on = board.load(profile.board)
        found[f"wiring/{name}.md"] = tables.page(profile, on)
        found[f"wiring/{name}.csv"] = tables.csv_table(profile, on)
        found[f"bill/{name}.md"] = bill.page(
            name, {each.title: frozenset(each.choose) for each in profile.variants}
        )
        found[f"bill/{name}.csv"] = bill.csv_table(name)
        for variant in profile.variants:
            built = kit.built(profile, variant)
            found[f"wiring/{name}-{variant.variant}.yml"] = wireviz.yaml(built, on)
            for lock in built.locks:
                found[f"wiring/{name}-{variant.variant}-lock.svg"] = schematic.lock_loop(built, lock)
    return found


def write(folder: Path) -> list[Path]:
    """Write them all below ``folder``, which is the checkout's ``hardware``."""
    written = []
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written
