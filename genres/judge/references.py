"""What do the report's own models predict by the same protocols?"""

import hashlib
import pickle
import tempfile
from contextlib import suppress
from pathlib import Path

import sklearn
from sklearn.compose import make_column_transformer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.svm import SVC

from genres import Refusal, imports
from genres.data import tables
from genres.judge import evaluations, protocols
from genres.judge.process import Model
from genres.project import PROJECT
from genres.screen import bar

LSTMS, CHAMPION = "LSTM ensemble", "champion"
"""Those of them that take minutes to train; the predictions of a run are taken, if it kept some."""

_BY = (protocols.COURSE, protocols.ARTISTS, protocols.FILTERED, protocols.RANDOM)
_SEED = 0
_OF_THE_REPORT = "the report"


def _quick_models():
    four = [tables.FEATURES.index(name) for name in tables.BASE_FEATURES]
    neighbours = KNeighborsClassifier(5, weights="distance")
    machine = SVC(C=5.0, probability=True, random_state=_SEED)
    columns = make_column_transformer(("passthrough", four))
    return {
        "k-NN, 4 features": make_pipeline(columns, StandardScaler(), neighbours),
        "k-NN, 63 features": make_pipeline(StandardScaler(), neighbours),
        "SVM, 63 features": make_pipeline(PowerTransformer(), machine),
    }


def quick(bench, place: Path, workers=None, progress=True):
    """Judge the report's k-NN and SVM, unless that was done before on the same folds.

    Parameters
    ----------
    bench : genres.judge.benchmark.Bench
        By what.
    place : Path
        The folder of evaluations.
    workers, progress
        As `genres.judge.benchmark.benchmark` has them.

    Returns
    -------
    list of genres.judge.evaluations.Evaluation
    """
    possible = [one for one in bench.protocols_for("features") if one.name in _BY]
    with tempfile.TemporaryDirectory(prefix="genres-judge-") as folder:
        found: dict[str, evaluations.Evaluation] = {}
        wanted = []
        for name, model in _quick_models().items():
            sent = pickle.dumps({"model": model})
            path = Path(folder, f"{len(found)}.pickle")
            path.write_bytes(sent)
            one = Model(name, str(path), session=folder)
            digest = hashlib.sha256(sent + sklearn.__version__.encode()).hexdigest()
            found[name] = _earlier(bench, place, one, digest)
            missing = [by for by in possible if by.name not in found[name].protocols]
            wanted += [(one, missing)] if missing else []
        n_folds = sum(len(by.folds) for _, missing in wanted for by in missing)
        with bar(progress, "the report's models", n_folds, unit="fold") as step:
            for model, *outcome in bench.judge(wanted, workers=workers, step=step):
                bench.note(found[model.name], *outcome)
    for one, _ in wanted:
        evaluations.write(place, found[one.name])
    return list(found.values())


def _earlier(bench, place, model, digest):
    """Give an evaluation with the scores of an earlier one that still hold."""
    made = bench.evaluation(model, _OF_THE_REPORT, digest, reference=True)
    made.name = evaluations.free_name(place, model.name, _OF_THE_REPORT)
    with suppress(Refusal):
        earlier = evaluations.read(evaluations.path_of(place, made.name))
        if earlier.digest == digest and earlier.genres == made.genres:
            for by in bench.protocols:
                scores = earlier.protocols.get(by.name)
                if scores and scores["digest"] == by.digest(bench.clips):
                    made.protocols[by.name] = scores
                    made.predictions[by.name] = earlier.predictions[by.name]
    return made


def kept(bench, run, *, compute=False, progress=True):
    """Give what the LSTM ensemble and the champion predicted in a run.

    Parameters
    ----------
    bench : genres.judge.benchmark.Bench
        By what.
    run : genres.project.RunFolder
        The run: notebook 06 keeps predictions in artist folds and of the fault-filtered split, and
        notebook 11 the champion, which predicts the course's test clips here.
    compute : bool
        Whether to train what it lacks: minutes, and kept there.
    progress : bool or callable
        As `genres.screen.bar` has it.

    Returns
    -------
    found : list of genres.judge.evaluations.Evaluation
        Those that there are.
    sentences : list of str
        What is lacking, and how to have it.
    """
    place = run.folder / evaluations.FOLDER
    code = imports.closure(["genres.models.classifiers", "genres.sound.measurements"], PROJECT)
    digest = imports.fingerprint(code, PROJECT)
    if run.champion.exists():
        digest += hashlib.sha256((run.champion / "champion.json").read_bytes()).hexdigest()
    possible = [one for one in bench.protocols if one.name in _BY and not one.is_repeated]
    reads = {LSTMS: "segments", CHAMPION: "texture"}
    found = [_earlier(bench, place, Model(name, "", kind), digest) for name, kind in reads.items()]
    missing = [by for by in possible if any(by.name not in made.protocols for made in found)]
    if missing and (compute or (run.models / "predictions").exists() or run.champion.exists()):
        from genres.judge import trained  # which imports TensorFlow, and that takes seconds

        trained.predict(bench, run, found, missing, compute=compute, progress=progress)
        for made in found:
            if made.protocols:
                evaluations.write(place, made)
    lacking = [
        f"{made.name} ({', '.join(by.title for by in possible if by.name not in made.protocols)})"
        for made in found
        if any(by.name not in made.protocols for by in possible)
    ]
    sentences = []
    if lacking:
        sentences.append(
            f"Not compared with: {'; '.join(lacking)}. --references trains them, which takes "
            "minutes; a run of notebooks 06 and 11 keeps what they predict."
        )
    return [made for made in found if made.protocols], sentences
