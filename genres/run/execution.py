"""How is one notebook executed, how far is it, and how is it ended before its end?"""

import logging
import time
from contextlib import suppress
from pathlib import Path

import psutil

from genres.run import kernels, provenance
from genres.screen import last_bar, spaced

_ENGINE = "genres"


class NotebookFailed(Exception):
    """A notebook did not come to its end; the message says where and why in one line."""


class Ended(Exception):
    """A notebook did not come to its end because `Execution.end` was called."""


class Execution:
    """The execution of one notebook: one thread waits for it, another may look at it and end it.

    Parameters
    ----------
    notebook : Path
        The ``.ipynb`` file.
    bars : Path
        File to which the notebook's progress bars append JSON lines
        ``{"label": str, "done": n, "total": n}``.
    server : genres.run.kernels.Server, optional
        What may fork its kernel.

    Attributes
    ----------
    cpu_seconds : float
        How long cores worked for it, all together, if it came to its end.
    """

    def __init__(self, notebook, bars, server=None):
        self._notebook, self._bars, self._server = notebook, bars, server
        code = [source for kind, source, _ in provenance.read_cells(notebook) if kind == "code"]
        self.cpu_seconds = 0.0
        self._n_cells = 1 + sum(map(bool, map(str.strip, code)))  # with the one papermill injects
        self._cell = self._seen = 0
        self._start, self._kernel, self._is_ended = time.monotonic(), None, False

    @property
    def elapsed(self):
        """Seconds since it began."""
        return time.monotonic() - self._start

    def __str__(self):
        """Say how far it is: ``cell 3/17 · epochs 40 %``."""
        parts = [f"cell {self._cell}/{self._n_cells}"]
        if bar := last_bar(self._bars, self._seen):
            parts.append(spaced(f"{bar['label']} {bar['done'] / bar['total']:.0%}"))
        return " · ".join(parts)

    def run(self, output: Path, parameters: dict, environment: dict[str, str]):
        """Execute the notebook, in its own folder and by a kernel of this very Python.

        Parameters
        ----------
        output : Path
            Where to write it with its outputs, before each cell of code and in the end: what is
            there after a failure tells how far it came.
        parameters : dict
            Values that take the place of those in the cell tagged ``parameters``.
        environment : dict of str to str
            The kernel's environment variables.

        Raises
        ------
        NotebookFailed
            If a cell fails, or if the kernel does not start, or dies.
        Ended
            If it was ended. The kernel is gone in each case, and whatever else is raised.
        """
        try:
            self._run(output, parameters, environment)
        except Exception as error:
            if self._is_ended:
                raise Ended from error
            raise

    def end(self):
        """End it, from another thread: its kernel, and all processes below that, are killed."""
        self._is_ended = True
        if self._kernel:
            with suppress(psutil.Error):  # it has just ended by itself
                kernel = psutil.Process(self._kernel)
                for process in [*kernel.children(recursive=True), kernel]:
                    process.kill()

    def _run(self, output, parameters, environment):
        # Imported here: a second of imports is too much for a run in which everything is kept.
        import papermill
        from nbclient.exceptions import DeadKernelError

        # What they would log to the terminal is said below, or goes without saying.
        for logger in ("papermill", "asyncio"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        papermill.engines.papermill_engines.register(_ENGINE, _engine())
        name = self._notebook.stem
        try:
            with kernels.kernel(self._notebook.parent, environment, self._server) as kernel:
                self._kernel = kernel.provisioner.pid
                if self._is_ended:
                    raise Ended
                papermill.execute_notebook(
                    _literal(self._notebook),
                    _literal(output),
                    parameters=parameters,
                    engine_name=_ENGINE,
                    kernel_name="python3",
                    language="python",
                    progress_bar=False,
                    km=kernel,
                    on_cell_execute=lambda cell, cell_index: self._next_cell(),
                )
                self.cpu_seconds = _cpu_seconds(self._kernel)
        except papermill.PapermillExecutionError as error:
            last_line = f"{error.ename}: {error.evalue}".strip().splitlines()[-1]
            raise NotebookFailed(
                f"{name} failed in cell [{error.exec_count}]: {last_line}"
            ) from error
        except DeadKernelError as error:
            raise NotebookFailed(
                f"{name} ended in the middle of a cell: its Python was killed, most often for lack "
                "of memory."
            ) from error
        except RuntimeError as error:  # all that is known of a kernel that did not start
            raise NotebookFailed(f"{name} did not start: {error}.") from error

    def _next_cell(self):
        """Note that the next code cell begins, so that its predecessor's bars are over."""
        self._cell += 1
        self._seen = self._bars.stat().st_size if self._bars.exists() else 0


def _engine():
    """Give papermill an engine that writes the notebook once for each cell of code.

    Its own writes the whole notebook twice for each cell, of text too: the kernel waits meanwhile.
    """
    from papermill.engines import NBClientEngine

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, on_cell_execute, **options):
            save, nb_man.save = nb_man.save, lambda: None

            def begin(cell, cell_index):
                save()
                on_cell_execute(cell, cell_index)

            super().execute_managed_notebook(nb_man, kernel_name, on_cell_execute=begin, **options)

    return Engine


def _cpu_seconds(pid):
    """Give the seconds that cores worked for a process and all below it, those that ended too."""
    total = 0.0
    with suppress(psutil.Error):  # one of them has just ended
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            total += sum(one.cpu_times()[:4])  # user, system, and those of children that ended
    return total


def _literal(path):
    """Write a path in such a way that papermill takes no braces in it for a parameter."""
    return str(path).replace("{", "{{").replace("}", "}}")
