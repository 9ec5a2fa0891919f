"""File systems of a test's own. Skips, with the system's own words, where mounting is not permitted."""

import contextlib
import filecmp
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def make_image(path: Path, mebibytes: int) -> None:
    """An empty ext4 in a file."""
    program = shutil.which("mkfs.ext4") or shutil.which("mkfs.ext4", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("e2fsprogs is not installed: no ext4 image for a power cut")
    with path.open("wb") as image:
        image.truncate(mebibytes * 2**20)
    subprocess.run([program, "-q", "-F", str(path)], check=True, capture_output=True)


@contextlib.contextmanager
def mounted_image(image: Path, folder: Path) -> Iterator[Path]:
    """``image`` over a loop device at ``folder``; unmounted and detached at the end whatever happens."""
    with _mounted(["-t", "ext4", "-o", "loop", str(image)], folder):
        yield folder
    devices = subprocess.run(["losetup", "-j", str(image)], check=True, capture_output=True, text=True)
    assert not devices.stdout, f"still attached: {devices.stdout}"


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB at ``folder``."""
    with _mounted(["-t", "tmpfs", "-o", "size=1m", "tmpfs"], folder):
        yield folder


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """``folder`` over itself, read-only."""
    with _mounted(["--bind", str(folder)], folder):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True, capture_output=True)
        yield folder


@contextlib.contextmanager
def _mounted(arguments: list[str], folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(folder)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounts are not permitted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        if subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode:
            # somebody still holds a file: the name goes now, the device with its last user
            subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def copy_still_image(image: Path, copy: Path) -> None:
    """Copy what has reached the "disk"; again if the kernel wrote meanwhile, so that it is one moment."""
    for _ in range(20):
        shutil.copyfile(image, copy)
        if filecmp.cmp(image, copy, shallow=False):
            return
    raise RuntimeError(f"{image} does not come to rest")
