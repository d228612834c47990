"""Which genre is this file?"""

import json
import os
import sys
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from genres import Refusal, files, printable, project
from genres.data import folders
from genres.project import RunFolder
from genres.screen import bar, spoken
from genres.sound import audio

_AT_ONCE = 10  # windows: their spectrograms take memory


class Prediction(NamedTuple):
    """What a champion predicts for a file: mean probabilities of its windows, the likeliest first.

    A file is padded where it is shorter than a window, silent where it stays below -80 dB,
    cancelling where its channels cancel each other, so that the loudest alone was taken, and cut
    off where it promises more than it holds.
    """

    file: str
    seconds: float
    windows: int
    padded: bool
    silent: bool
    cancelling: bool
    cut_off: bool
    genres: dict

    def __str__(self):
        likeliest = list(self.genres.items())[:3]
        said = ", ".join(f"{genre} {100 * share:.0f} %" for genre, share in likeliest)
        padded = ", padded with itself to 30 s" if self.padded else ""
        mean = f", mean of {self.windows} windows of 30 s" if self.windows > 1 else ""
        silent = ", silent: this means nothing" if self.silent else ""
        one = ", its channels cancel: the loudest alone was taken" if self.cancelling else ""
        cut = ", cut off: the rest of it is lost" if self.cut_off else ""
        return f"{self.file}: {said} ({spoken(self.seconds)}{padded}{mean}{silent}{one}{cut})"


class Skipped(NamedTuple):
    """A file that cannot be used, and a sentence that says why."""

    file: str
    reason: str


def classify(
    names: list[str],
    model: str | Path | None = None,
    *,
    as_json: bool = False,
    longest: float = 3600.0,
) -> int:
    """Predict the genres of files, on standard output; what is skipped goes to standard error.

    Parameters
    ----------
    names : list of str
    model : str or Path, optional
        As `find_files` and `find_model` have them.
    as_json : bool
        Whether to write one document, ``{"files": […], "skipped": […]}`` of `Prediction` and
        `Skipped`, instead of a line a file. Python's `os.fsencode` gives names their bytes back.
    longest : float
        Seconds that a file may last.

    Returns
    -------
    int
        Exit status: 0, or 2 if no file could be used.

    Raises
    ------
    Refusal
        If there is no model, or it cannot be read.
    """
    paths, unfit = find_files(names)
    folder = find_model(model) if paths else None
    done: dict[type, list] = {Prediction: [], Skipped: []}
    with bar(sys.stderr.isatty() and not as_json, "classify", len(unfit) + len(paths)) as step:
        for what in chain(unfit, _predictions(paths, folder, longest)):
            done[type(what)].append(what._asdict())
            if isinstance(what, Skipped):
                _say(what.reason, sys.stderr)
            elif not as_json:
                _say(what, sys.stdout)
            step(1)
    if as_json:
        document = {"files": done[Prediction], "skipped": done[Skipped]}
        print(json.dumps(document, indent=2), flush=True)
    return 0 if done[Prediction] else 2


def find_files(names: list[str]):
    """Find the files to classify.

    Parameters
    ----------
    names : list of str
        Files and folders. All below a folder that is not hidden is taken for music: whether it is
        some is found out when it is read. Links to folders are not followed.

    Returns
    -------
    paths : list of Path
        Each once; those in a folder sorted.
    skipped : list of Skipped
        Folders that hold no file, or cannot be read.
    """
    paths, skipped = [], []
    for path in map(Path, names):
        if not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where it may not look)
            paths.append(path)
            continue
        found: list[Path] = []
        errors: list[OSError] = []
        for folder, below, inside in os.walk(path, onerror=errors.append):
            below[:] = [name for name in below if not name.startswith(".")]
            found += [Path(folder, name) for name in inside if not name.startswith(".")]
        paths += sorted(found)
        for error in errors:
            skipped.append(Skipped(error.filename, f"{error.filename}: {error.strerror}."))
        if not (found or errors):
            skipped.append(Skipped(str(path), f"{path} holds no file."))
    return list(dict.fromkeys(paths)), skipped


def find_model(folder=None):
    """Find a champion: in the folder named, or in the project's runs.

    Of these, one trained on real music comes first, then one of a full run, then the newest.

    Raises
    ------
    Refusal
        If there is none.
    """
    if folder is not None:
        if not Path(folder, "champion.json").is_file():
            raise Refusal(f"{folder} holds no model: it has no file champion.json.")
        return Path(folder)
    champions = [RunFolder(run).champion for run in project.RUNS.glob("*")]
    found = [folder for folder in champions if (folder / "champion.json").exists()]
    if not found:
        raise Refusal("There is no trained model yet: ./run_all.sh --only 11 makes one.")
    return max(found, key=_usefulness)


def _usefulness(folder):
    quick, synthetic = _origin(folder)
    return not synthetic, not quick, (folder / "champion.json").stat().st_mtime


def _origin(folder):
    """Tell whether a champion is of a rehearsal, and whether it was trained on synthetic music."""
    run = folder.resolve().parent.parent
    path = run / "results" / "11-champion.json"
    results = files.read_json(path) if path.exists() else {}
    if not isinstance(results, dict):
        raise Refusal(f"{path} holds no results: run notebook 11 again.")
    quick = results.get("quick", run.name.endswith("-quick"))
    return quick, results.get("synthetic", run.name.removesuffix("-quick") == folders.SYNTHETIC)


def describe_model(folder):
    """Say in a line which champion a folder holds, and why its predictions may be worth less."""
    quick, synthetic = _origin(folder)
    rough = ", of a rehearsal: its predictions are rough" if quick else ""
    toy = ", trained on synthetic music: it knows no other" if synthetic else ""
    return f"Model: {folder}{rough}{toy}"


def _load(folder):
    _say(describe_model(folder), sys.stderr)
    from genres.models import champion  # which imports TensorFlow, and that takes seconds

    return champion.load(folder)


def _predictions(paths, folder, longest):
    """Give a `Prediction` or a `Skipped` for each file; load the champion when it is needed."""
    champion = None
    for path in paths:
        try:
            sound = audio.read_whole(path, longest=longest)
        except audio.AudioError as error:
            yield Skipped(str(path), str(error))
        else:
            champion = champion or _load(folder)
            yield _predict(champion, path, sound)


def _predict(champion, path, sound):
    from genres.sound import measurements  # which imports librosa, and that takes a second

    clips, total = measurements.windows(sound.samples), 0.0
    for first in range(0, len(clips), _AT_ONCE):
        tracks = measurements.measure(clips[first : first + _AT_ONCE], champion.n_steps_)
        total = total + champion.predict_proba(tracks).sum(axis=0)
    shares = zip(champion.genres_, map(float, total / len(clips)), strict=True)
    genres = dict(sorted(shares, key=lambda pair: -pair[1]))
    seconds = len(sound.samples) / audio.SAMPLE_RATE
    padded = seconds < measurements.SECONDS
    told = (sound.silent, sound.cancelling, sound.cut_off)
    return Prediction(str(path), seconds, len(clips), padded, *told, genres)


def _say(what, stream):
    """Write a line past the progress bar, whatever characters the name of a file has."""
    tqdm.write(printable(what), file=stream)
    stream.flush()
