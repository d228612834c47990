"""What does a process in which somebody's own model runs get, and what may come back of it?"""

import atexit
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from genres import Refusal, environment, files, printable
from genres.judge import worker
from genres.judge.protocols import INPUTS

TIMEOUT = 300.0
"""Seconds that a model may take for a fold."""

_TO_DESCRIBE = 60.0  # seconds that reading a model's file may take
_MOST_ANSWER = 1 << 28  # bytes
_TIMES, _LONGEST_FIT = ("fit", "predict"), 1e7  # what is timed; seconds
_LONGEST = 200  # characters of what a library says of an error


class Failure(Exception):
    """What a model did not do, in a sentence; `printed` is the last of what it printed."""

    def __init__(self, sentence, printed=""):
        super().__init__(printable(sentence))
        self.printed = printed


class Model(NamedTuple):
    """A model to judge.

    Attributes
    ----------
    name : str
        What it is called.
    path : str
        A file that defines ``model``, or what a session pickled.
    inputs : str
        What it reads, a key of `genres.judge.protocols.INPUTS`.
    session : str or None
        The working folder of the session, where the file is pickled.
    """

    name: str
    path: str
    inputs: str = "features"
    session: str | None = None

    @property
    def source(self):
        """What the process is told of it."""
        if self.session is None:
            return {"path": self.path}
        return {"pickled": self.path, "folder": self.session}


class Fold(NamedTuple):
    """What a model predicted of the rows of a fold.

    Attributes
    ----------
    labels : array of int, shape (n_rows,)
        The likeliest label, where there are probabilities; else the one predicted.
    probabilities : array of float, shape (n_rows, n_genres), or None
        0 for a genre that was not trained on.
    seconds : dict of str to float
        ``fit`` and ``predict``.
    n_other : int
        Rows for which ``predict`` gives another label than the likeliest.
    printed : str
        The last of what it printed.
    """

    labels: np.ndarray
    probabilities: np.ndarray | None
    seconds: dict
    n_other: int
    printed: str


class Process:
    """A process in which models run, each fold in a fork of its own, with a folder of its own."""

    _idle: ClassVar[list] = []

    def __init__(self):
        self._process, self._started_by, self._at_work = None, _who_starts(), False

    @classmethod
    def take(cls):
        """Give one that was given back, or else a new one."""
        while cls._idle:
            process = cls._idle.pop()
            if process._started_by == _who_starts():
                return process
            process.close()
        return cls()

    def give_back(self):
        """Let it wait for other models, or end it if it is still at work."""
        if self._at_work:
            self.close()
        else:
            self._idle.append(self)

    def close(self):
        """End it, and whatever a model in it does."""
        if self._process:
            with suppress(BrokenPipeError):  # it has ended
                self._process.stdin.close()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()

    def describe(self, path):
        """Give what the model in a file reads.

        Raises
        ------
        Failure
            If the file cannot be run, defines no model, or asks for what there is not.
        """
        job = {"describe": True, "model": {"path": str(path)}, "seed": 0}
        inputs = self._ask(job, _TO_DESCRIBE)[0].get("inputs")
        if inputs not in [*INPUTS]:
            known = ", ".join(f'"{kind}"' for kind in INPUTS)
            raise Failure(f"It asks for inputs {inputs!r}; there are {known}.")
        return inputs

    def fit_and_predict(self, model, x_train, y_train, x_test, n_genres, timeout=TIMEOUT, seed=0):
        """Let a model train on a fold and predict it.

        Parameters
        ----------
        model : Model
            The model.
        x_train, y_train, x_test : arrays
            What it reads, and labels. It gets the rows to predict in an order of their own, which
            tells it nothing of their labels.
        n_genres : int
            Labels are from 0 to one less.
        timeout : float
            Seconds that it may take.
        seed : int
            Of Python's, NumPy's and Keras's random numbers.

        Returns
        -------
        Fold

        Raises
        ------
        Failure
            If it fails, takes too long, or predicts what is no genre.
        """
        order = _order_of(x_test)
        job = {"model": model.source, "seed": seed}
        arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test[order]}
        answer, printed, folder = self._ask(job, timeout, arrays, keep=True)
        try:
            labels = _load(folder / worker.LABELS)
            probabilities = _load(folder / worker.PROBABILITIES)
            if labels is not None:
                labels = _checked_labels(labels, len(order), n_genres)
            likeliest = labels
            if probabilities is not None:
                probabilities = _checked_probabilities(
                    probabilities, len(order), n_genres, answer.get("classes", [])
                )
                likeliest = probabilities.argmax(axis=1)
            seconds = {what: min(float(answer["seconds"][what]), _LONGEST_FIT) for what in _TIMES}
            if likeliest is None:
                raise ValueError("no predictions")
        except Failure as failure:
            failure.printed = printed
            raise
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise Failure("What it predicted cannot be read.", printed) from error
        finally:
            shutil.rmtree(folder.parent, ignore_errors=True)
        back = np.argsort(order)
        n_other = 0 if labels is None else int(np.sum(labels != likeliest))
        given = None if probabilities is None else probabilities[back]
        return Fold(likeliest[back], given, seconds, n_other, printed)

    def _ask(self, job, timeout, arrays=None, keep=False):
        """Have a job done in a folder of its own; give its answer, what was printed, the folder."""
        folder = Path(tempfile.mkdtemp(prefix="genres-judge-"), "fold")
        try:
            folder.mkdir()
            for name, values in (arrays or {}).items():
                np.save(folder / f"{name}.npy", values, allow_pickle=False)
            ended = self._send(job | {"folder": str(folder), "timeout": timeout})
            answer = self._answer(folder, ended, timeout)
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                shutil.rmtree(folder.parent, ignore_errors=True)
        return answer, ended["printed"], folder

    def _send(self, job):
        if self._process is None or self._process.poll() is not None:
            self._process = _start()
        self._at_work = True
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
            ended = json.loads(self._process.stdout.readline())
            self._at_work = False
            return ended
        except (BrokenPipeError, ValueError) as error:
            self._process.kill()
            raise Failure("Its process ended, most often for lack of memory.") from error

    def _answer(self, folder, ended, timeout):
        printed = ended["printed"]
        if ended["timed_out"]:
            raise Failure(f"It took longer than {timeout:g} s for a fold (--timeout).", printed)
        try:
            answer = files.read_json(folder / worker.ANSWER)
        except Refusal as refusal:
            raise Failure(_sudden_end(ended), printed) from refusal
        if not isinstance(answer, dict):
            raise Failure("What it predicted cannot be read.", printed)
        if "failed" in answer:
            where = f" in line {answer['line']}" if answer.get("line") else ""
            why = " ".join(str(answer.get("why")).split())
            why = why if len(why) <= _LONGEST else f"{why[:_LONGEST]}…"
            stop = "" if why.endswith((".", "…", "!", "?")) else "."
            raise Failure(
                f"{str(answer['failed']).capitalize()} failed{where}: {why}{stop}", printed
            )
        return answer


def _sudden_end(ended):
    if ended["signal"]:
        name = signal.Signals(ended["signal"]).name
        return f"Its process was ended by {name}, most often for lack of memory or by a fault in C."
    return f"It ended its own process (status {ended['status']})."


def _who_starts():
    """Give what a process has of the one that starts it: the environment, but no word of data."""
    around = environment.cleaned(os.environ)
    around |= {"NUMBA_NUM_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    for name in [name for name in around if name.startswith("GENRE_")] + ["PWD", "OLDPWD"]:
        around.pop(name, None)
    return os.getpid(), around


def _start():
    """Start the process: one thread for each model."""
    if not hasattr(os, "fork"):
        raise Refusal(
            "Classifiers are judged on Linux and macOS: on Windows, in its Subsystem for Linux."
        )
    return subprocess.Popen(
        [*environment.PYTHON, "-m", worker.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
        env=_who_starts()[1],
        start_new_session=True,  # Ctrl-C is for who waits for it
    )


@atexit.register
def _end_idle():
    while Process._idle:
        Process._idle.pop().close()


def _order_of(values):
    """Give an order of rows that follows from what is read of them, and from nothing else."""
    rows = np.ascontiguousarray(values)
    return np.array(
        sorted(range(len(rows)), key=lambda row: hashlib.blake2b(rows[row].tobytes()).digest()), int
    )


def _load(path):
    if not path.exists():
        return None
    try:
        files.require_regular(path, _MOST_ANSWER)
        return np.load(path, allow_pickle=False)
    except (Refusal, ValueError, OSError, EOFError) as error:
        raise Failure("What it predicted cannot be read.") from error


def _checked_labels(labels, n_rows, n_genres):
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n_rows,):
        raise Failure(
            f"It predicted labels of the shape {_shape(labels)}, but ({n_rows},) are needed."
        )
    numbers = labels.astype(float)
    if not np.isfinite(numbers).all():
        raise Failure(f"It predicted NaN for {np.sum(~np.isfinite(numbers))} of {n_rows} clips.")
    unknown = (numbers != numbers.round()) | (numbers < 0) | (numbers >= n_genres)
    if unknown.any():
        raise Failure(
            f"It predicted the label {numbers[unknown][0]:g}, and genres are the whole numbers "
            f"from 0 to {n_genres - 1}."
        )
    return numbers.astype(int)


def _checked_probabilities(probabilities, n_rows, n_genres, classes):
    if probabilities.ndim == 2 and probabilities.shape[1] == n_genres > len(classes):
        classes = range(n_genres)  # a network with an output for each genre
    if probabilities.shape != (n_rows, len(classes)):
        raise Failure(
            f"It predicted probabilities of the shape {_shape(probabilities)}, and {n_rows} clips "
            f"of {len(classes)} genres need ({n_rows}, {len(classes)})."
        )
    if not all(isinstance(label, int | float) for label in classes):
        raise Failure("Its classes_ are not the labels of y_train.")
    columns = _checked_labels(np.asarray(classes), len(classes), n_genres)
    wrong = ~np.isfinite(probabilities).all(axis=1)
    if wrong.any():
        raise Failure(f"Its probabilities are NaN or infinite for {wrong.sum()} of {n_rows} clips.")
    apart = np.abs(probabilities.sum(axis=1) - 1)
    if (apart > 1e-3).any() or (probabilities < -1e-6).any():
        raise Failure(
            "Its probabilities are none: they have to lie between 0 and 1 and to add up to 1, as "
            "after a softmax."
        )
    every = np.zeros((n_rows, n_genres))
    every[:, columns] = probabilities
    return every


def _shape(values):
    return f"({', '.join(map(str, values.shape))}{',' if values.ndim == 1 else ''})"
