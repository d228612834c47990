"""How does a notebook get a kernel, and what do the kernels of a run have in common?

Importing libraries takes longer than many a notebook computes. So on Linux a server imports, once
for a run, what several of its notebooks import, and their kernels are forks of it. Where processes
cannot safely be forked, and for a single notebook, each kernel starts by itself.
"""

import atexit
import gc
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager, suppress

from genres import imports, locks
from genres.run import provenance

_SOCKETS = "genres-kernel-"  # what their folders' names begin with

_OPTIONS = [
    "--IPKernelApp.ignore_cwd=True",  # a random.py beside the notebooks is no library
    "--HistoryManager.enabled=False",  # it needs a file system that can lock
]
_MODULE = "ipykernel_launcher"  # what a kernel's command runs; its arguments follow


class Server:
    """A process that has imported what notebooks import, and forks their kernels.

    Parameters
    ----------
    notebooks : list of Path
        The ``.ipynb`` files that are to be executed.
    project : Path
        The folder of the library that they import. A kernel that starts after a change in it starts
        by itself.
    environment : dict of str to str
        The environment variables in which the server imports.
    """

    def __init__(self, notebooks, project, environment):
        self._project, self._library = project, _fingerprint(project)
        counts = Counter(name for notebook in notebooks for name in _imported(notebook))
        shared = sorted(name for name, n_notebooks in counts.items() if n_notebooks > 1)
        self._is_there = False
        if sys.platform == "linux" and hasattr(os, "fork") and shared:
            from multiprocessing import forkserver, resource_tracker  # which are not everywhere

            forkserver.set_forkserver_preload(["ipykernel.kernelapp", *shared])
            environment = environment | {"JPY_PARENT_PID": str(os.getpid())}
            resource_tracker.ensure_running()  # which, when it starts, lets signals in
            with suppress(OSError), _environment_of(environment), _without_ctrl_c():
                forkserver.ensure_running()
                self._is_there = True

    def fork(self, arguments, folder, environment):
        """Start a kernel.

        Parameters
        ----------
        arguments : list of str
            Those of its command line.
        folder : str
            Where it works.
        environment : dict of str to str
            Its environment variables.

        Returns
        -------
        Fork or None
            None where there is no server, or it has imported what is no longer the library.
        """
        if not self._is_there or _fingerprint(self._project) != self._library:
            return None
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=_be_kernel, args=(arguments, folder, environment))
        with suppress(OSError, EOFError):  # the server is gone, or may start no more processes
            process.start()
            return Fork(process)
        return None


class Fork:
    """A forked kernel, as Jupyter knows processes: in the manner of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, process):
        self._process, self.pid = process, process.pid

    def poll(self):
        """Give its exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self):
        """Wait for its end, and give its exit status."""
        self._process.join()
        return self.poll()

    def send_signal(self, number):
        """Send it a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self):
        """End it at once."""
        self._process.kill()

    def terminate(self):
        """Ask it to end."""
        self._process.terminate()


@contextmanager
def kernel(folder, environment, server=None):
    """Start a kernel of this very Python, and see to it that it is gone in the end.

    Kernels that the user has installed under the same name elsewhere do not count. It is spoken
    to by sockets in a folder of its own: of TCP ports, one found free may be taken by another
    program before the kernel has it, and everybody on the machine could knock at it. Windows has
    nothing but these.

    Parameters
    ----------
    folder : Path
        Where it works.
    environment : dict of str to str
        Its environment variables.
    server : Server, optional
        What may fork it.

    Yields
    ------
    jupyter_client.AsyncKernelManager
        With the kernel's process id in ``provisioner.pid``.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.provisioning import LocalProvisioner
    from jupyter_core.utils import run_sync

    clients = []

    class KernelManager(AsyncKernelManager):
        def client(self, **options):
            clients.append(super().client(**options))
            return clients[-1]

    class Provisioner(LocalProvisioner):
        async def launch_kernel(self, cmd, **options):
            arguments = cmd[cmd.index(_MODULE) + 1 :]
            fork = server and server.fork(arguments, options["cwd"], options["env"])
            if not fork:
                return await super().launch_kernel(cmd, **options)
            self.process, self.pid, self.pgid = fork, fork.pid, fork.pid
            return self.connection_info

    with _folder_of_sockets() as sockets:
        by_files = {"transport": "ipc", "ip": str(sockets / "socket")}
        manager = KernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(sockets / "connection.json"),
            **(by_files if hasattr(socket, "AF_UNIX") else {}),
        )
        manager.provisioner = Provisioner(kernel_spec=manager.kernel_spec, parent=manager)
        finished = False
        try:
            run_sync(manager.start_kernel)(
                cwd=str(folder), env=environment, extra_arguments=_OPTIONS
            )
            yield manager
            finished = True
        finally:
            # Each client has a thread that listens for the kernel's heartbeat, and would for ever.
            for client in clients:
                client.stop_channels()
            # A kernel that is in the middle of something would not listen for seconds.
            run_sync(manager.shutdown_kernel)(now=not finished)


def _be_kernel(arguments, folder, environment):
    """Be a kernel, in a process that the server has forked."""
    os.setsid()  # so that Ctrl-C in the terminal is the run's to respond to
    multiprocessing.set_start_method(None, force=True)  # of what it starts itself: the usual one
    threading.Thread(target=_end_with_run, daemon=True).start()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if "numba" in sys.modules:  # which read it when it was imported
        sys.modules["numba"].config.reload_config()
    if "pandas" in sys.modules:  # which took the server for a terminal, with so many columns
        sys.modules["pandas"].set_option("display.max_columns", 20)
    # Exit functions of libraries, such as that of polars, wait for threads that a fork does not
    # have. Those that the notebook registers are called below.
    atexit._clear()
    gc.freeze()  # what was imported stays, and Keras collects garbage before each training
    from ipykernel.kernelapp import IPKernelApp

    kernel = IPKernelApp.instance()
    try:
        kernel.initialize(arguments)
    except OSError as error:  # a disk is full, or may not be written to: the run says so, too
        sys.exit(f"A kernel did not start: {error}.")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    kernel.start()
    atexit._run_exitfuncs()  # a forked process ends without


def _end_with_run():
    multiprocessing.parent_process().join()
    os._exit(1)


def _imported(notebook):
    """Name what a notebook imports, where that is plain Python."""
    code = [source for kind, source, _ in provenance.read_cells(notebook) if kind == "code"]
    with suppress(SyntaxError, ImportError):
        return set().union(*map(imports.named, code))
    return set()


def _fingerprint(project):
    return imports.fingerprint(sorted(imports.modules(project).values()), project)


@contextmanager
def _environment_of(environment):
    """Give this process another environment, for what starts now."""
    own = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(environment)
        yield
    finally:
        os.environ.clear()
        os.environ.update(own)


@contextmanager
def _without_ctrl_c():
    """Let what starts now leave Ctrl-C in the terminal to this process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _folder_of_sockets():
    """Make a folder for sockets while a block runs, and remove those of processes that died."""
    # The path of a socket has room for about a hundred bytes.
    usual = tempfile.gettempdir()
    is_too_long = hasattr(socket, "AF_UNIX") and len(os.fsencode(usual)) > 70
    return locks.folder_in("/tmp" if is_too_long else usual, _SOCKETS)
