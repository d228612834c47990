"""Who else is at work here? Locks that end with the process that holds them, on every system."""

import os
import secrets
import shutil
import stat
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Taken(Exception):
    """Another process holds the lock."""


@contextmanager
def held(path: str | Path, *, wait: bool = True):
    """Hold the lock of a file, which is made if it is missing, while the block runs.

    Parameters
    ----------
    path : str or Path
        The lock's own file: its content is lost.
    wait : bool
        Whether to wait for who holds it.

    Raises
    ------
    Taken
        If another holds it, unless the wait is for that.
    OSError
        If it cannot be made, which names the file; or if its file system cannot lock, without.
    """
    # No lock by a file's mere existence instead: that would outlive a process that is killed.
    lock = FileLock(path, timeout=-1 if wait else 0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise Taken from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def alone_in(folder: Path):
    """Wait until no other process does what this block does in a folder, and keep others waiting.

    Where the folder's file system cannot lock, nobody waits.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(folder / ".lock"))
        except OSError as error:
            if error.filename:
                raise
        yield


@contextmanager
def folder_in(place: str | Path, prefix: str):
    """Make a folder that this process alone uses, and remove it in the end.

    What processes that were killed left there is removed first. The lock that tells who lives lies
    beside the folder; where the file system cannot lock there is none, and such a rest stays.

    Parameters
    ----------
    place : str or Path
        Where to make it.
    prefix : str
        What its name begins with.

    Yields
    ------
    Path

    Raises
    ------
    OSError
        If it cannot be made.
    """
    place = Path(place)
    for left in place.glob(f".{prefix}*.lock"):
        with suppress(OSError, Taken):
            _remove(place / left.stem[1:], left)
    folder = place / f"{prefix}{secrets.token_hex(8)}"
    lock = place / f".{folder.name}.lock"
    with ExitStack() as stack:
        place.stat()  # or else the lock would make it
        try:
            stack.enter_context(held(lock))
        except OSError:
            lock.unlink(missing_ok=True)
        folder.mkdir(mode=0o700)
        stack.callback(_remove_quietly, folder, lock)
        yield folder


def _remove(folder, lock):
    """Remove a folder that nobody works in, and its lock."""
    status = lock.lstat()
    is_mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if is_mine and stat.S_ISREG(status.st_mode) and not status.st_size:
        with held(lock, wait=False):
            if folder.exists():
                shutil.rmtree(folder)
            lock.unlink()


def _remove_quietly(folder, lock):
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Windows removes it when it is released
        lock.unlink()
