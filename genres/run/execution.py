"""How is one notebook executed, and how far is it?"""

import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from genres import locks
from genres.run import provenance
from genres.screen import last_bar, spaced, spoken

_SOCKETS = "genres-kernel-"  # what their folders' names begin with

_KERNEL_OPTIONS = [
    "--IPKernelApp.ignore_cwd=True",  # a random.py beside the notebooks is no library
    "--HistoryManager.enabled=False",  # it needs a file system that can lock
]


class NotebookFailed(Exception):
    """A notebook did not come to its end; the message says where and why in one line."""


def execute(
    notebook: Path, output: Path, parameters: dict, environment: dict[str, str], on_cell: Callable
):
    """Execute a notebook, in its own folder and by a kernel of this very Python.

    Parameters
    ----------
    notebook : Path
        The ``.ipynb`` file.
    output : Path
        Where to write it with its outputs, cell by cell: what is there after a failure tells how
        far it came.
    parameters : dict
        Values that take the place of those in the cell tagged ``parameters``.
    environment : dict of str to str
        The kernel's environment variables.
    on_cell : callable
        Called, without arguments, before each code cell.

    Raises
    ------
    NotebookFailed
        If a cell fails, or if the kernel does not start, or dies. Whatever else ends the
        execution, a signal for one, passes through. The kernel is gone in each case.
    """
    # Imported here: a second of imports is too much for a run in which everything is kept.
    import papermill
    from nbclient.exceptions import DeadKernelError

    # What they would log to the terminal is said below, or goes without saying.
    for name in ("papermill", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with _kernel(notebook.parent, environment) as kernel:
            papermill.execute_notebook(
                _literal(notebook),
                _literal(output),
                parameters=parameters,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                km=kernel,
                on_cell_execute=lambda cell, cell_index: on_cell(),
            )
    except papermill.PapermillExecutionError as error:
        last_line = f"{error.ename}: {error.evalue}".strip().splitlines()[-1]
        raise NotebookFailed(
            f"{notebook.stem} failed in cell [{error.exec_count}]: {last_line}"
        ) from error
    except DeadKernelError as error:
        raise NotebookFailed(
            f"{notebook.stem} ended in the middle of a cell: its Python was killed, most often "
            "for lack of memory."
        ) from error
    except RuntimeError as error:  # all that is known of a kernel that did not start
        raise NotebookFailed(f"{notebook.stem} did not start: {error}.") from error


def _literal(path):
    """Write a path in such a way that papermill takes no braces in it for a parameter."""
    return str(path).replace("{", "{{").replace("}", "}}")


@contextmanager
def _kernel(folder, environment):
    """Start a kernel of this very Python, and see to it that it is gone in the end.

    Kernels that the user has installed under the same name elsewhere do not count. It is spoken
    to by sockets in a folder of its own: of TCP ports, one found free may be taken by another
    program before the kernel has it, and everybody on the machine could knock at it. Windows has
    nothing but these.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.utils import run_sync

    clients = []

    class KernelManager(AsyncKernelManager):
        def client(self, **options):
            clients.append(super().client(**options))
            return clients[-1]

    with _folder_of_sockets() as sockets:
        by_files = {"transport": "ipc", "ip": str(sockets / "socket")}
        manager = KernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(sockets / "connection.json"),
            **(by_files if hasattr(socket, "AF_UNIX") else {}),
        )
        finished = False
        try:
            run_sync(manager.start_kernel)(
                cwd=str(folder), env=environment, extra_arguments=_KERNEL_OPTIONS
            )
            yield manager
            finished = True
        finally:
            # Each client has a thread that listens for the kernel's heartbeat, and would for ever.
            for client in clients:
                client.stop_channels()
            # A kernel that is in the middle of something would not listen for seconds.
            run_sync(manager.shutdown_kernel)(now=not finished)


def _folder_of_sockets():
    """Make a folder for sockets while a block runs, and remove those of processes that died."""
    # The path of a socket has room for about a hundred bytes.
    usual = tempfile.gettempdir()
    is_too_long = hasattr(socket, "AF_UNIX") and len(os.fsencode(usual)) > 70
    return locks.folder_in("/tmp" if is_too_long else usual, _SOCKETS)


class Watch:
    """A look, every second, at the notebook in flight: how far it is, how much memory it takes.

    On a terminal it keeps one line up to date; elsewhere it is silent. Used as a context manager
    around the execution.

    Parameters
    ----------
    title : str
        What the line begins with.
    notebook : Path
        The ``.ipynb`` file.
    bars : Path
        File to which the notebook's progress bars append JSON lines
        ``{"label": str, "done": n, "total": n}``.
    left : callable
        Given the seconds since the start, gives those left, or None.
    """

    def __init__(self, title, notebook, bars, left):
        self.peak_memory = 0  # bytes, of this process and all below it
        self.seconds = 0.0
        self._title, self._bars, self._left = title, bars, left
        code = [source for kind, source, _ in provenance.read_cells(notebook) if kind == "code"]
        self._n_cells = 1 + sum(map(bool, map(str.strip, code)))  # with the one papermill injects
        self._cell = self._seen = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self):
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._start
        _rewrite_line("")

    def next_cell(self):
        """Note that the next code cell begins, so that its predecessor's bars are over."""
        self._cell += 1
        self._seen = self._bars.stat().st_size if self._bars.exists() else 0

    def _look_on(self):
        while True:
            self.peak_memory = max(self.peak_memory, _memory())
            _rewrite_line(self._line())
            if self._done.wait(1.0):
                return

    def _line(self):
        parts = [self._title, f"cell {self._cell}/{self._n_cells}"]
        if bar := last_bar(self._bars, self._seen):
            parts.append(spaced(f"{bar['label']} {bar['done'] / bar['total']:.0%}"))
        seconds = self._left(time.monotonic() - self._start)
        if seconds is not None:
            parts.append(f"about {spoken(seconds)} left")
        return " · ".join(parts)


def _rewrite_line(text):
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width].ljust(width)}\r{text[:width]}", end="", flush=True)


def _memory():
    """Give the resident bytes of this process and all below it; what they share counts twice."""
    here = psutil.Process()
    total = 0
    for process in [here, *here.children(recursive=True)]:
        with suppress(psutil.Error):  # it has just ended
            total += process.memory_info().rss
    return total
