"""What is somebody's own classifier worth, by every protocol of the report?"""

import hashlib
import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import joblib

from genres import Refusal, files, project
from genres.judge import evaluations, protocols, references
from genres.judge.evaluations import Evaluation
from genres.judge.process import TIMEOUT, Failure, Model, Process
from genres.project import RunFolder
from genres.screen import bar

SESSION = "session"
"""What stands for the file of a model that was handed over in a notebook."""


class Outcome(NamedTuple):
    """What became of a model in a protocol: its folds, or why there are none."""

    model: Model
    protocol: protocols.Protocol
    folds: list | None
    failure: Failure | None


class Bench:
    """What models are judged by: clips, protocols, and what models read of them.

    Parameters
    ----------
    data : genres.data.folders.Data
        The data.
    only : sequence of str, optional
        Names of the protocols that are wanted, keys of `genres.judge.protocols.TITLES`.
    progress : bool or callable
        As `genres.screen.bar` has it, where spectrograms have to be made.

    Raises
    ------
    Refusal
        If a protocol is not known, or not possible with these data.
    """

    def __init__(self, data, only: Sequence[str] = (), progress: bool | Callable = True):
        self.data, self._progress = data, progress
        self._inputs: dict[str, protocols.Inputs] = {}
        for name in only:
            if name not in protocols.TITLES:
                raise Refusal(
                    f"There is no protocol {name}; there are {', '.join(protocols.TITLES)}."
                )
        self.clips = protocols.clips_of(data)
        self.protocols = protocols.protocols(data, self.clips)
        self.digests = {one.name: one.digest(self.clips) for one in self.protocols}
        self.wanted = list(only or self.digests)
        lacking = set(only) - set(self.digests)
        if lacking:
            raise Refusal(f"{data.name} does not allow the protocol {', '.join(sorted(lacking))}.")
        self.artist_of = dict(zip(self.clips.names, self.clips.artists, strict=True))

    def inputs(self, kind):
        """Give what models of a kind read; a Refusal where the data have nothing of it."""
        if kind not in self._inputs:
            self._inputs[kind] = protocols.read(self.data, kind, self.clips, self._progress)
        return self._inputs[kind]

    def protocols_for(self, kind):
        """Give the wanted protocols for what reads a kind of inputs, on the clips that have it."""
        inputs = self.inputs(kind)
        wanted = [one for one in self.protocols if one.name in self.wanted]
        found = [one.among(inputs.present) for one in wanted if inputs.allows(one)]
        return [one for one in found if all(len(rows) for fold in one.folds for rows in fold)]

    def judge(self, wanted, timeout=TIMEOUT, workers=None, seed=0, step=None):
        """Let models train and predict, side by side, protocol by protocol.

        Parameters
        ----------
        wanted : sequence of (Model, sequence of genres.judge.protocols.Protocol)
            Models, and by what each is judged, as `protocols_for` gives it.
        timeout : float
            Seconds for a fold.
        workers : int, optional
            How many processes; by default one a core. Each has one thread.
        seed : int
            Of the random numbers in each fold.
        step : callable, optional
            Called with 1 for each fold.

        Yields
        ------
        Outcome
            For each model and each of its protocols, as they end.
        """
        pairs = [
            (model, one)
            for name in protocols.TITLES
            for model, of_model in wanted
            for one in of_model
            if one.name == name
        ]
        line = _Line(self, pairs, timeout, seed, step)
        try:
            line.start(workers or joblib.cpu_count())
            for _ in pairs:
                outcome = line.outcomes.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
            line.finish()
        finally:
            line.stop()

    def evaluation(self, model, file, digest, reference=False):
        """Make an evaluation of a model, without scores yet."""
        return Evaluation(
            name=model.name,
            file=file,
            digest=digest,
            inputs=model.inputs,
            data=self.data.name,
            synthetic=self.data.synthetic,
            genres=self.clips.genres,
            reference=reference,
        )

    def note(self, made: Evaluation, protocol, folds=None, failure=None):
        """Put what came of a protocol into an evaluation: folds, or why there are none."""
        if failure:
            made.failures[protocol.name] = str(failure)
            made.protocols.pop(protocol.name, None)  # which may be there of an earlier time
            made.predictions.pop(protocol.name, None)
            return
        scores, predictions = evaluations.score(protocol, self.clips, folds)
        full = next(one for one in self.protocols if one.name == protocol.name)
        scores["n_listed"] = sum(len(test) for _, test in full.folds)
        scores["digest"] = self.digests[protocol.name]
        made.failures.pop(protocol.name, None)
        for known, found in ((made.protocols, scores), (made.predictions, predictions)):
            known[protocol.name] = found
            ordered = {name: known[name] for name in protocols.TITLES if name in known}
            known.clear()
            known.update(ordered)

    def carry_over(self, made: Evaluation, place: Path):
        """Put in what an earlier evaluation of the same version of a model found in the same folds.

        Returns
        -------
        Evaluation or None
            The earlier evaluation under that name, of whatever version.
        """
        try:
            earlier = evaluations.read(evaluations.path_of(place, made.name))
        except Refusal:  # there is none, or none that can be used
            return None
        if (earlier.digest, earlier.genres) == (made.digest, made.genres):
            for name, scores in earlier.protocols.items():
                if scores["digest"] == self.digests.get(name):
                    made.protocols[name] = scores
                    made.predictions[name] = earlier.predictions[name]
        return earlier

    def compare(self, made: Evaluation, others: Sequence[Evaluation]):
        """Put comparisons with other models into an evaluation, where folds are the same."""
        for protocol in self.protocols:
            mine = made.protocols.get(protocol.name)
            if mine is None:
                continue
            known = mine.get("against", {})
            mine["against"] = {}
            for other in others:
                if protocol.name in other.protocols and other.name != made.name:
                    than = known.get(other.name, {})
                    if than.get("digest") != other.digest:  # else it was compared before
                        than = evaluations.compare(
                            made.predictions[protocol.name],
                            other.predictions[protocol.name],
                            self.artist_of,
                            protocol,
                        )
                    mine["against"][other.name] = than | {"digest": other.digest}


class _Line:
    """Folds that wait, and the threads that have a process each to do them in."""

    def __init__(self, bench, pairs, timeout, seed, step):
        self._bench, self._timeout, self._seed, self._step = bench, timeout, seed, step
        self.outcomes: SimpleQueue = SimpleQueue()
        self._waiting = deque(
            (pair, number)
            for pair, (_, one) in enumerate(pairs)
            for number in range(len(one.folds))
        )
        self._pairs = pairs
        self._folds = [[None] * len(one.folds) for _, one in pairs]
        self._left = [len(one.folds) for _, one in pairs]
        self._failed: dict[int, Failure] = {}
        self._lock, self._processes, self._threads = threading.Lock(), [], []

    def start(self, n_workers):
        for _ in range(min(n_workers, len(self._waiting))):
            self._processes.append(Process.take())
            thread = threading.Thread(target=self._work, args=(self._processes[-1],), daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self):
        for thread in self._threads:
            thread.join()
        while self._processes:
            self._processes.pop().give_back()

    def stop(self):
        self._waiting.clear()
        for process in self._processes:
            process.close()
        for thread in self._threads:
            thread.join()

    def _work(self, process):
        try:
            while True:
                try:
                    pair, number = self._waiting.popleft()
                except IndexError:
                    return
                self._do(process, pair, number)
        except BaseException as error:  # which the thread that waits has to know of
            self.outcomes.put(error)

    def _do(self, process, pair, number):
        model, protocol = self._pairs[pair]
        if pair not in self._failed:
            try:
                self._folds[pair][number] = self._fold(process, model, protocol, number)
            except Failure as failure:
                self._failed.setdefault(pair, failure)
        if self._step:
            self._step(1)
        with self._lock:
            self._left[pair] -= 1
            ended = self._left[pair] == 0
        if ended:
            why = self._failed.get(pair)
            folds = None if why else self._folds[pair]
            self.outcomes.put(Outcome(model, protocol, folds, why))

    def _fold(self, process, model, protocol, number):
        bench, (train, test) = self._bench, protocol.folds[number]
        inputs = bench.inputs(model.inputs)
        return process.fit_and_predict(
            model,
            inputs.of(protocol, train),
            bench.clips.labels[protocol.clips[train]],
            inputs.of(protocol, test),
            len(bench.clips.genres),
            self._timeout,
            self._seed,
        )


def benchmark(
    model,
    data,
    inputs="features",
    *,
    name=None,
    fit_options=None,
    only: Sequence[str] = (),
    timeout: float = TIMEOUT,
    workers=None,
    folder=None,
    progress: bool | Callable = True,
):
    """Evaluate a classifier by every protocol that the data allow, beside the report's models.

    Parameters
    ----------
    model : estimator, class, function or path
        An estimator with scikit-learn's ``fit`` and ``predict``, and ``predict_proba`` if it has
        one; what gives one when it is called, a compiled Keras model too; or a file that defines
        ``model``, as ``examples/knn.py`` does.
    data : genres.data.folders.Data
        The data, such as ``bench.data`` of a notebook.
    inputs : str
        What it reads, as `genres.judge.protocols.read` has it. A file says so itself.
    name : str, optional
        What it is called; by default as its file, or as its class.
    fit_options : dict, optional
        Handed to ``fit``, such as Keras's ``{"epochs": 30}``. A file has its own.
    only : sequence of str, optional
        Names of the protocols wanted.
    timeout : float
        Seconds that a fold may take.
    workers : int, optional
        Processes; by default one a core.
    folder : path, optional
        The run's folder, in which the evaluation is kept; by default ``runs/<data>``.
    progress : bool or callable
        As `genres.screen.bar` has it.

    Returns
    -------
    genres.judge.evaluations.Evaluation

    Raises
    ------
    Refusal
        If the model cannot be sent to a process of its own, or reads what the data do not have.
    """
    run = RunFolder(Path(folder) if folder else project.RUNS / data.name)
    place = run.evaluations
    bench = Bench(data, only, progress)
    with tempfile.TemporaryDirectory(prefix="genres-judge-") as sent:
        if isinstance(model, (str, Path)):
            one, file, digest = _from_file(Path(model), name)
        else:
            one, file, digest = _from_session(model, Path(sent), name, inputs, fit_options)
        one = one._replace(name=evaluations.free_name(place, one.name, file))
        made = bench.evaluation(one, file, digest)
        bench.carry_over(made, place)
        by = bench.protocols_for(one.inputs)
        with bar(progress, one.name, sum(len(part.folds) for part in by), unit="fold") as step:
            for _, *outcome in bench.judge([(one, by)], timeout, workers, step=step):
                bench.note(made, *outcome)
        if not made.protocols:
            raise Refusal(next(iter(made.failures.values())))
        others = references.quick(bench, place, workers, progress)
        others += references.kept(bench, run)[0]
        bench.compare(made, others)
        evaluations.write(place, made)
    return made


def of_file(path: Path, inputs, name=None):
    """Make a model of a file: it is called as the file, or as the folder of a ``model.py``."""
    called = path.parent.name if path.stem.casefold() == "model" else path.stem
    return Model(name or called, str(path), inputs)


def _from_file(path, name):
    path = path.expanduser().resolve()
    if not path.is_file():
        raise Refusal(f"There is no file {path}.")
    process = Process.take()
    try:
        one = of_file(path, process.describe(path), name)
    except Failure as failure:
        raise Refusal(f"{path.name}: {failure}") from failure
    finally:
        process.give_back()
    return one, str(path), files.sha256(path)


def _from_session(model, folder, name, inputs, fit_options):
    import cloudpickle  # also functions and classes that a notebook defines

    if inputs not in protocols.INPUTS:
        raise Refusal(f"There are no inputs {inputs!r}; there are {', '.join(protocols.INPUTS)}.")
    if hasattr(model, "fit") and hasattr(model, "get_weights"):
        raise Refusal(
            "A Keras model of this session may have been trained already: give the function that "
            "builds it."
        )
    called = name or getattr(model, "__name__", type(model).__name__)
    try:
        sent = cloudpickle.dumps({"model": model, "fit_options": fit_options or {}})
    except (TypeError, ValueError, AttributeError, pickle.PicklingError) as error:
        raise Refusal(
            f"{called} cannot be sent to a process of its own ({error}): write it into a file, and "
            "give that file's name."
        ) from error
    path = folder / "model.pickle"
    path.write_bytes(sent)
    one = Model(called, str(path), inputs, session=str(Path.cwd()))
    return one, SESSION, hashlib.sha256(sent).hexdigest()
