"""A disk of an agent's own, small enough to be filled: a tmpfs over its state folder."""

import asyncio
import contextlib
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


class SmallDisk:
    """Mounted by :meth:`mount`. At :meth:`close` what is on it stays in ``folder``, as an ordinary one."""

    def __init__(self, folder: Path, host: World) -> None:
        self.folder = folder
        self._host = host

    async def mount(self) -> None:
        """Raises StageError where nobody lets us."""
        self.folder.mkdir(parents=True)
        said = await _call("mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "tmpfs", self.folder)
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
    disks: dict[str, SmallDisk] = {}
    for folder in folders:
        disk = SmallDisk(folder, host)
        await disk.mount()
        stack.push_async_callback(disk.close)
        disks[folder.name] = disk
    return disks
