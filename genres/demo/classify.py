"""Which genre is this file?"""

import sys
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from genres import Refusal, files, project
from genres.data import folders
from genres.decoding import audio
from genres.demo import music
from genres.project import RunFolder
from genres.screen import spoken
from genres.sound import tags

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
        doubts = music.doubts(self)
        return f"{self.file}: {said} ({spoken(self.seconds)}{padded}{mean}{doubts})"


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
        As `music.find_files` has them.
    model : str or Path, optional
        As `find_model` has it.
    as_json : bool
        Whether to write one document, ``{"files": […], "skipped": […]}`` of `Prediction` and
        `music.Skipped`, instead of a line a file.
    longest : float
        Seconds that a file may last.

    Returns
    -------
    int
        Exit status: 0, or 2 if no file could be used.

    Raises
    ------
    Refusal
        If there is no model, or it cannot be read; or if it reads tags, and the tagger's weights
        are missing.
    """
    paths, unfit = music.find_files(names)
    folder = find_model(model) if paths else None
    champion = cache(partial(_load, folder))
    return music.describe_each(
        paths,
        unfit,
        lambda path, sound: _predict(champion(), path, sound),
        "classify",
        as_json=as_json,
        longest=longest,
    )


class NoModel(Refusal):
    """No run has trained a model."""


def find_model(folder=None):
    """Find a champion: in the folder named, or in the project's runs.

    Of these, those that can be used come first: where the tagger's weights are missing, one that
    reads tags cannot. Then those trained on real music, those of a full run, those that read tags,
    and last the newest.

    Raises
    ------
    NoModel
        If there is none.
    Refusal
        If the folder named holds none, or if it reads tags and the tagger's weights are missing.
    """
    if folder is not None:
        if not Path(folder, "champion.json").is_file():
            raise Refusal(f"{folder} holds no model: it has no file champion.json.")
        found = [Path(folder)]
    else:
        runs = [RunFolder(run) for run in project.RUNS.glob("*")]
        champions = [folder for run in runs for folder in (run.champion, run.tagged_champion)]
        found = [folder for folder in champions if (folder / "champion.json").exists()]
    if not found:
        raise NoModel("There is no trained model yet: ./run_all.sh --only 11 makes one.")
    best = max(found, key=_usefulness)
    if _reads_tags(best):
        tags.find_weights()
    return best


def _usefulness(folder):
    quick, synthetic = _origin(folder)
    tagged = folder == RunFolder(folder.parent.parent).tagged_champion
    usable = not tagged or _has_weights()
    return usable, not synthetic, not quick, tagged, (folder / "champion.json").stat().st_mtime


def _has_weights():
    try:
        tags.find_weights()
    except Refusal:
        return False
    return True


def _reads_tags(folder):
    description = files.read_json(folder / "champion.json")
    return isinstance(description, dict) and description.get("reads_tags") is True


def _origin(folder):
    """Tell whether a champion is of a rehearsal, and whether it was trained on synthetic music."""
    folder = folder.resolve()
    run = RunFolder(folder.parent.parent)
    notebook = "13-transfer" if folder == run.tagged_champion else "11-champion"
    path, name = run.results(notebook), run.folder.name
    results = files.read_json(path) if path.exists() else {}
    if not isinstance(results, dict):
        raise Refusal(f"{path} holds no results: run notebook {notebook[:2]} again.")
    quick = results.get("quick", name.endswith("-quick"))
    return quick, results.get("synthetic", name.removesuffix("-quick") == folders.SYNTHETIC)


def describe_model(folder):
    """Say in a line which champion a folder holds, and why its predictions may be worth less."""
    quick, synthetic = _origin(folder)
    tagged = ", reads tags" if _reads_tags(folder) else ""
    rough = ", of a rehearsal: its predictions are rough" if quick else ""
    toy = ", trained on synthetic music: it knows no other" if synthetic else ""
    return f"Model: {folder}{tagged}{rough}{toy}"


def _load(folder):
    music.say(describe_model(folder), sys.stderr)
    from genres.models import champion  # which imports TensorFlow, and that takes seconds

    return champion.load(folder)


def _predict(champion, path, sound):
    from genres.sound import measurements  # which imports librosa, and that takes a second

    clips, total = measurements.windows(sound.samples), 0.0
    for first in range(0, len(clips), _AT_ONCE):
        at_once = clips[first : first + _AT_ONCE]
        tracks = measurements.measure(at_once, champion.n_steps_, tagged=champion.reads_tags)
        total = total + champion.predict_proba(tracks).sum(axis=0)
    shares = zip(champion.genres_, map(float, total / len(clips)), strict=True)
    genres = dict(sorted(shares, key=lambda pair: -pair[1]))
    seconds = len(sound.samples) / audio.SAMPLE_RATE
    padded = seconds < measurements.SECONDS
    told = (sound.silent, sound.cancelling, sound.cut_off)
    return Prediction(str(path), seconds, len(clips), padded, *told, genres)
