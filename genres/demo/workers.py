"""Which processes work for the demo, and what if one fails?

A child process, `genres.demo.hearing`, describes files: it may die of one without harm. Where there
is no model, another trains one.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from contextlib import suppress
from pathlib import Path

from tornado.iostream import StreamClosedError

from genres import Refusal, environment, project
from genres.demo import classify, sounds
from genres.project import RunFolder
from genres.screen import Course, last_bar

LONGEST = 3600
"""Seconds that a file may last."""

MOST_MEMORY = 6 << 30
"""Bytes of memory that the child process may take."""

PATIENCE = 120
"""Seconds for which it may be silent."""

_TRAINED_BY = "11-champion"

TRAIN = ("--quick", "--only", "11", "--data", "synthetic")
"""The run that makes a model in the least time."""

_TRAINING = "Training a quick model"
_BARS = {  # of that run: how their labels begin, and what it takes to the end of each, s
    "extract": 26,
    "kernel ridge": 46,
    "SVMs": 20,
    "networks": 40,
    "champion": 12,
    "and the rest": 6,
}

PYTHON = (*environment.PYTHON, "-m")
"""What runs a module of the project."""

_LONGEST_LINE = 1 << 26
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one that does the same


def find_model(named=None):
    """Find a champion as `classify.find_model` does; None where there is none at all."""
    try:
        return classify.find_model(named)
    except classify.NoModel:
        return None


class Workers:
    """What all pages share: the model, the process that applies it, and the training of one.

    Parameters
    ----------
    model : Path or None
        Folder of a champion.
    uploads : genres.demo.uploads.Uploads
        Where files in flight lie.
    """

    how_to_train = (
        f"There is no trained model yet: {project.COMMAND} run --only 11 makes one. "
        f"{project.COMMAND} run {' '.join(TRAIN)} makes a rough one of synthetic music, in less "
        "time; the button on the page does that, too."
    )

    def __init__(self, model, uploads):
        self.uploads, self.hearing = uploads, None
        self.files = set()  # requests whose file arrives, waits or is described
        self.description = None  # of the model, in a line
        self.shown = {"model": None}  # of it on the page
        self.model, self._training, self._known = model, None, None
        self._course = None  # of the training

    async def open(self):
        """Begin to load the model, if there is one."""
        if self.model:
            described = classify.describe_model(self.model)
            hearing = Hearing(self.model)
            await hearing.start()
            self.description = described.replace(f"{project.RUNS.parent}/", "")
            named = classify.describe_model(self.model, classify.name_model(self.model))
            self.shown = {"model": named, "folder": str(self.model)}
            self.hearing = hearing

    async def close(self):
        """End the processes."""
        if self._training:
            self._training.cancel()
            await asyncio.wait([self._training])
        if self.hearing:
            await self.hearing.close()

    async def known(self):
        """Give the sound of the model's training tracks: `genres.demo.sounds.Known`."""
        if self._known is None or self._known[0] != self.model:
            self._known = self.model, await asyncio.to_thread(sounds.Known, self.model)
        return self._known[1]

    async def train(self, say):
        """Have a quick model trained, where there is none, and say how far that is."""
        if self.hearing is None and (self._training is None or self._training.done()):
            self._training = asyncio.create_task(self._train())
            self._course = Course(_BARS)
        bars = RunFolder(project.RUNS / "synthetic-quick").bars(_TRAINED_BY)
        while self._training and not self._training.done():
            bar = last_bar(bars) or {"label": "", "done": 0, "total": 1}
            known = next(filter(bar["label"].startswith, _BARS), "")
            where = self._course.at(known, bar["done"] / bar["total"])
            await say({"step": _TRAINING} | where)
            await asyncio.wait([self._training], timeout=0.5)
        if self._training and self._training.cancelled():
            return  # the server ends
        failure = self._training and self._training.result()
        await say({"refusal": failure} if failure else {"model": self.description})

    async def _train(self):
        """Run what trains, and load what it made; give a sentence if that failed."""
        try:
            return await self._run_training()
        except OSError as error:
            return f"The training failed: {error.strerror}."
        except Refusal as refusal:
            return f"The training failed: {refusal}"

    async def _run_training(self):
        command = (*PYTHON, "genres", "run", *TRAIN)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        self.model = None if process.returncode else find_model()
        if self.model is None:
            last = output.decode(errors="replace").strip().splitlines()[-1:]
            return f"The training failed: {' '.join(last)}"
        await self.open()
        return None


class _Gone(Exception):
    """The child process is of no use any more; the message says why."""


class Hearing:
    """The child process that describes files, one after the other.

    Parameters
    ----------
    model : Path
        Folder of the champion that it loads.
    """

    def __init__(self, model):
        self._model, self._turn = model, asyncio.Lock()
        self._process, self._ready, self._closed = None, False, False

    async def start(self):
        """Start the process; it begins to load the model."""
        self._ready = False
        command = (*PYTHON, "genres.demo.hearing", self._model, LONGEST, MOST_MEMORY)
        self._process = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,  # Ctrl-C is for the server, which ends this one itself
        )

    async def close(self):
        """End the process, whatever it does, for good."""
        self._closed = True
        self._kill()
        async with self._turn:  # who had it may just have started another
            await self._end()

    async def _end(self):
        self._kill()
        await self._process.wait()

    def _kill(self):
        # The process's own method may reap it, which is asyncio's to do.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, _KILL)

    async def describe(self, path: Path, name: str, say):
        """Have a file described, when its turn comes.

        Parameters
        ----------
        path : Path
            Where it is.
        name : str
            What it is called.
        say : coroutine function
            Given each message, a dict as `genres.demo.hearing.describe` has it, ``step`` with its
            ``share``, or ``refusal``. If that raises StreamClosedError the rest is left.
        """
        if self._turn.locked():
            await say({"step": "Waiting for earlier files", "share": 0})
        async with self._turn:
            if not self._closed:
                await self._describe(path, name, say)

    async def _describe(self, path, name, say):
        try:
            if self._process.returncode is not None:
                try:
                    await self.start()
                except OSError as error:
                    raise _Gone(f"no process can analyse it ({error.strerror})") from error
            if not self._ready:
                await say({"step": "Loading the model", "share": 0})
                loaded = await self._next()
                self._ready = "ready" in loaded
                if not self._ready:
                    await say(loaded)
                    return
            await self._tell({"path": str(path), "name": name})
            wanted = True
            while "end" not in (message := await self._next()):
                if wanted:
                    try:
                        await say(message)
                    except StreamClosedError:
                        wanted = False
                        await self._tell({"stop": True})
        except _Gone as reason:
            if self._closed:
                return
            await self._end()
            with suppress(OSError):  # then it is tried for the next file
                await self.start()
            await say({"refusal": f"{name}: {reason}. The demo goes on; try another file."})

    async def _tell(self, message):
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            raise _Gone("the process that was to analyse it had ended") from None

    async def _next(self):
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        except asyncio.TimeoutError:
            raise _Gone(f"its analysis gave no sign for {PATIENCE} s") from None
        if not line.endswith(b"\n"):
            raise _Gone("the process that analysed it ended, most often for lack of memory")
        return json.loads(line)
