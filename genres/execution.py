"""How is one notebook executed?"""

import logging
import os
import tempfile
from contextlib import contextmanager

from genres import sources


class NotebookFailed(Exception):
    """A notebook did not come to its end; the message says where and why in one line."""


def execute(notebook, output, parameters, environment, on_cell):
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
    # Here, because a second of imports is too much for a run in which everything is kept.
    import papermill
    from nbclient.exceptions import DeadKernelError

    # What they would log to the terminal is said below, or goes without saying.
    for name in ("papermill", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with _kernel(notebook.parent, environment) as kernel:
            papermill.execute_notebook(
                notebook,
                output,
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
            "for want of memory."
        ) from error
    except RuntimeError as error:  # all that is known of a kernel that did not come to its feet
        raise NotebookFailed(f"{notebook.stem} did not start: {error}.") from error


def count_cells(notebook):
    """Count the cells that will be executed: those with code, and the one papermill injects."""
    return 1 + sum(
        kind == "code" and bool(source.strip()) for kind, source, _ in sources.read_cells(notebook)
    )


@contextmanager
def _kernel(folder, environment):
    """Start a kernel of this very Python, and see to it that it is gone in the end.

    Kernels that the user has installed under the same name elsewhere do not count. It is spoken
    to by sockets in a folder of its own: of TCP ports, one found free may be taken by another
    program before the kernel has it, and everybody on the machine could knock at it.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_core.utils import run_sync

    clients = []

    class KernelManager(AsyncKernelManager):
        def client(self, **options):
            clients.append(super().client(**options))
            return clients[-1]

    # The path of a socket has room for about a hundred bytes.
    place = "/tmp" if len(os.fsencode(tempfile.gettempdir())) > 75 else None
    with tempfile.TemporaryDirectory(prefix="kernel-", dir=place) as sockets:
        manager = KernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport="ipc",
            ip=f"{sockets}/socket",
            connection_file=f"{sockets}/connection.json",
        )
        finished = False
        try:
            run_sync(manager.start_kernel)(cwd=str(folder), env=environment)
            yield manager
            finished = True
        finally:
            # Each client has a thread that listens for the kernel's heartbeat, and would for ever.
            for client in clients:
                client.stop_channels()
            # A kernel that is in the middle of something would not listen for seconds.
            run_sync(manager.shutdown_kernel)(now=not finished)
