"""A disk of an agent's own, small enough to be filled: a tmpfs over its state folder."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pleintemps_contract.world import World
from pleintemps_firmware_sim.errors import StageError

SIZE_MIB: Final = 32
_AGAIN_MS: Final = 100
_BLOCKS: Final = (65_536, 4_096, 1)
_BALLAST: Final = "ballast"
_MADE_BY: Final = "pleintemps-sim"
_MOUNTS: Final = Path("/proc/self/mounts")
_STARTED: Final = 19
"""The field of ``/proc/PID/stat`` after the name of the program."""


class SmallDisk:
    """Mounted by :meth:`mount`. At :meth:`close` what is on it stays in ``folder``, as an ordinary one."""

    def __init__(self, folder: Path, host: World) -> None:
        self.folder = folder
        self._host = host

    async def mount(self) -> None:
        """Raises StageError where nobody lets us."""
        self.folder.mkdir(parents=True)
        options = f"size={SIZE_MIB}m,mode=0700"
        said = await _call("mount", "-t", "tmpfs", "-o", options, mark(os.getpid()), self.folder)
        if said:
            raise StageError(
                f"disk-full needs a small disk of its own for agent {self.folder.name}, and that cannot be"
                f" mounted: {said}; without root's rights: unshare --map-root-user --mount pleintemps-sim run"
            )

    async def stay_full(self) -> None:
        """Fill it, and what becomes free again, until cancelled; then there is room."""
        ballast = self.folder / _BALLAST
        try:
            while True:
                _fill(ballast)
                await self._host.sleep_until(self._host.monotonic() + _AGAIN_MS)
        finally:
            ballast.unlink(missing_ok=True)

    async def close(self) -> None:
        """Unmount it."""
        kept = self.folder.with_name(f"{self.folder.name}.kept")
        await asyncio.to_thread(shutil.copytree, self.folder, kept)
        if await _call("umount", self.folder):
            # somebody still holds a file: the name goes now, the rest with its last user
            await _call("umount", "--lazy", self.folder)
        self.folder.rmdir()
        kept.rename(self.folder)


def mark(pid: int) -> str:
    """What a mount of process ``pid`` is called in the table of mounts; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return f"{_MADE_BY}-{pid}-{stat.rpartition(')')[2].split()[_STARTED]}"


def stale(table: str) -> list[Path]:
    """Where in a ``table`` of mounts killed runs have left their disks, by :func:`mark`."""
    found: list[Path] = []
    for line in table.splitlines():
        source, where, kind = line.split()[:3]
        made_by, _, pid = source.rpartition("-")[0].rpartition("-")
        if kind == "tmpfs" and made_by == _MADE_BY and pid.isdigit() and mark(int(pid)) != source:
            # blanks of a path are written as \040
            found.append(Path(os.fsdecode(where.encode().decode("unicode_escape").encode("latin-1"))))
    return found


def _fill(ballast: Path) -> None:
    with ballast.open("ab", buffering=0) as file:
        for size in _BLOCKS:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


async def _call(*command: str | Path) -> str:
    """What the program complains of; empty if it was well."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    _, errors = await process.communicate()
    words = errors.decode(errors="replace").strip() or f"status {process.returncode}"
    return words.splitlines()[0] if process.returncode else ""


async def mounted(
    folders: Iterable[Path], host: World, stack: contextlib.AsyncExitStack
) -> dict[str, SmallDisk]:
    """A small disk at each folder, by its name, unmounted with ``stack``. Raises StageError."""
    for folder in stale(_MOUNTS.read_text("utf-8", "surrogateescape")):
        await _call("umount", "--lazy", folder)
    disks: dict[str, SmallDisk] = {}
    for folder in folders:
        disk = SmallDisk(folder, host)
        await disk.mount()
        stack.push_async_callback(disk.close)
        disks[folder.name] = disk
    return disks
