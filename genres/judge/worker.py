"""How does somebody's own model run, with its fold before it and nothing else?

This is the program of a process of its own. It waits for jobs, a line of JSON each, and forks for
every one: what a model keeps in memory ends with the fold, and so does whatever it breaks. The
model's process has a folder with ``x_train.npy``, ``y_train.npy`` and ``x_test.npy``, and leaves
``labels.npy``, ``probabilities.npy`` and ``answer.json`` there. It is told neither the labels of
the clips to predict nor the name of any clip.
"""

import ctypes
import importlib.util
import inspect
import json
import os
import pickle
import random
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import sklearn.ensemble
import sklearn.neighbors
import sklearn.pipeline
import sklearn.svm  # noqa: F401 (imported before the first fork, it costs no fold its time)
from sklearn.base import clone

MOST_MEMORY = 6 << 30
"""Bytes of memory that a model may take."""

ANSWER, LABELS, PROBABILITIES = "answer.json", "labels.npy", "probabilities.npy"
"""What a model's process leaves in its folder."""

_MOST_OUTPUT = 1 << 15  # bytes of what a model printed, the last ones
_MODULE = "handed_in"
_TO_END = 5.0  # seconds that it may take until a process that was killed is gone
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl


class _Fault(Exception):
    """What a model lacks, told in words of our own."""


def main():
    """Do jobs until the input ends."""
    import resource  # which Windows has not

    jobs, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # which may be lowered, and never raised
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):  # Linux has it: what a model leaves behind is ours
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    while line := _read_line(jobs):
        answer = _serve(json.loads(line), jobs, answers)
        os.write(answers, (json.dumps(answer) + "\n").encode())


def _read_line(pipe):
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(pipe, 1)
        if not read:
            return b""
        line += read
    return line


def _serve(job, jobs, answers):
    """Have a job done in a fork; give how that ended, and the last of what was printed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            for pipe in (jobs, answers, reading, writing):
                os.close(pipe)
            _perform(job)
        finally:
            os._exit(0)
    os.close(writing)
    os.set_blocking(reading, False)
    deadline, printed, timed_out, ended = time.monotonic() + job["timeout"], b"", False, None
    while ended is None:
        ready, _, _ = select.select([jobs, reading], [], [], 0.02)
        if jobs in ready:  # nothing is sent before the answer: who sent the job is gone
            _end(child)
            os._exit(0)
        printed = _drain(reading, printed)
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None and time.monotonic() > deadline:
            timed_out = True
            _end(child)
    _end(child)
    deadline = time.monotonic() + _TO_END
    with suppress(ChildProcessError):  # until there is none, also of those that it left behind
        while time.monotonic() < deadline:
            _end_descendants()
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
    printed = _drain(reading, printed)
    os.close(reading)
    killed = ended.si_code != os.CLD_EXITED
    return {
        "timed_out": timed_out,
        "status": 0 if killed else ended.si_status,
        "signal": ended.si_status if killed else 0,
        "printed": printed.decode("utf-8", "replace"),
    }


def _drain(pipe, printed):
    with suppress(BlockingIOError):
        while more := os.read(pipe, 1 << 16):
            printed = (printed + more)[-_MOST_OUTPUT:]
            if len(more) < 1 << 16:
                break
    return printed


def _end(child):
    """Kill a process and all of its group. While it is not waited for, its number is its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _end_descendants()


def _end_descendants():
    for left in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            left.kill()


def _perform(job):
    """Do a job, and leave the answer, whatever the model does."""
    me, folder = os.getpid(), Path(job["folder"])
    os.environ["TMPDIR"], tempfile.tempdir = str(folder.parent), None  # removed with the fold
    doing = ["running it"]
    try:
        answer = _fit_and_predict(job, folder, doing)
    except BaseException as error:  # also SystemExit: the model is somebody's own code
        traceback.print_exc()
        answer = {"failed": doing[-1], "why": _describe(error), "line": _line_of(error, job)}
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    if os.getpid() != me:  # the model has forked, and this is not the process that was asked
        os._exit(0)
    unfinished = folder / "answer.part"
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(folder / ANSWER)


def _describe(error):
    if isinstance(error, _Fault):
        return str(error)
    if isinstance(error, SystemExit):
        return "it calls sys.exit"
    if isinstance(error, MemoryError):
        return f"it needs more than {MOST_MEMORY >> 30} GiB of memory"
    said = str(error).strip()
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _line_of(error, job):
    """Give the last line of the model's own file that an error came through."""
    path = job["model"].get("path")
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == path), None)


def _fit_and_predict(job, folder, doing):
    warnings.simplefilter("ignore")
    _seed(job["seed"])
    handed_in = _read_model(job["model"])
    if "describe" in job:
        return {"inputs": str(handed_in.get("inputs", "features"))}
    x_train, y_train, x_test = (
        np.load(folder / f"{name}.npy", allow_pickle=False)
        for name in ("x_train", "y_train", "x_test")
    )
    doing.append("building it")
    fit_options = handed_in.get("fit_options", {})
    if not isinstance(fit_options, dict):
        raise _Fault("'fit_options' is no dict")
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(job["seed"])
    model = _build(handed_in["model"], x_train, y_train)
    doing.append("fitting it")
    start = time.perf_counter()
    model.fit(x_train, y_train, **fit_options)
    fitted = time.perf_counter()
    doing.append("predicting with it")
    predicted, probabilities = _predict(model, x_test)
    seconds = {"fit": fitted - start, "predict": time.perf_counter() - fitted}
    answer = {"seconds": seconds}
    if probabilities is not None:
        np.save(folder / PROBABILITIES, _numbers(probabilities), allow_pickle=False)
        classes = np.asarray(getattr(model, "classes_", np.unique(y_train)))
        answer["classes"] = classes.tolist()
        if predicted is None and hasattr(model, "predict_proba"):
            predicted = model.predict(x_test)  # which may be another label than the likeliest
    if predicted is not None:
        np.save(folder / LABELS, _numbers(predicted), allow_pickle=False)
    return answer


def _seed(seed):
    random.seed(seed)
    np.random.seed(seed)


def _read_model(source):
    """Give what a file defines, or what a session sent."""
    sys.dont_write_bytecode = True
    if "pickled" in source:  # by this very user's session
        os.chdir(source["folder"])
        sys.path.append(source["folder"])
        return pickle.loads(Path(source["pickled"]).read_bytes())
    path = Path(source["path"])
    os.chdir(path.parent)
    sys.path.append(str(path.parent))  # after the libraries: a neighbour may be called as they are
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "model"):
        raise _Fault("it defines no name 'model'")
    return vars(module)


def _build(model, x_train, y_train):
    """Make a model that is not fitted: a clone, or what a function or a class gives.

    A function of two arguments is given what the model will be trained on, as Keras's wrappers do.
    """
    if inspect.isclass(model):
        model = model()
    elif callable(model) and not hasattr(model, "fit"):
        asks = [p for p in inspect.signature(model).parameters.values() if p.default is p.empty]
        model = model(x_train, y_train) if len(asks) == 2 else model()
    elif hasattr(model, "get_params"):
        model = clone(model)
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise _Fault(f"'model' is a {type(model).__name__}, without fit and predict")
    return model


def _predict(model, x_test):
    """Give labels, or None, and probabilities, or None."""
    if hasattr(model, "predict_proba"):
        return None, model.predict_proba(x_test)
    predicted = np.asarray(model.predict(x_test))
    if predicted.ndim == 2 and predicted.shape[1] > 1:  # as Keras has it
        return None, predicted
    return predicted, None


def _numbers(values):
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        shown = repr(values.ravel()[0])[:40] if values.size else "nothing"
        raise _Fault(f"it predicts {shown}, and a label is a number of y_train")
    return values


if __name__ == "__main__":
    main()
