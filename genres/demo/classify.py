"""Which genre is this file, as a whole and from moment to moment?"""

import shutil
import sys
import textwrap
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genres import Refusal, files, printable, project
from genres.data import folders
from genres.decoding import audio
from genres.demo import music
from genres.project import RunFolder
from genres.screen import spoken
from genres.sound import tags

PICTURES = (".png", ".svg")
"""Endings of pictures of a timeline."""

_AT_ONCE = 10  # windows: their spectrograms take memory
_N_COLUMNS = 4000  # frames of a picture's spectrogram
_TITLE = 64  # letters in a line of its title


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
        return printable(f"{self.file}: {said} ({spoken(self.seconds)}{padded}{mean}{doubts})")

    def document(self):
        """Give all as a dict."""
        return self._asdict()

    @property
    def header(self):
        """The columns of a table: those of `rows`."""
        return ["file", "genre", "confidence", *sorted(self.genres)]

    @property
    def rows(self):
        """One row of a table."""
        genre, confidence = next(iter(self.genres.items()))
        shares = [round(self.genres[name], 6) for name in sorted(self.genres)]
        return [[self.file, genre, round(confidence, 6), *shares]]


class Followed(NamedTuple):
    """What a champion predicts of a file from moment to moment.

    The file is silent, cancelling or cut off as that of a `Prediction`; ``track`` is its
    `genres.changes.timeline.Timeline`.
    """

    file: str
    silent: bool
    cancelling: bool
    cut_off: bool
    track: Any

    def __str__(self):
        from genres.changes import sketch

        try:
            sketch.BLOCKS.encode(sys.stdout.encoding or "utf-8")
            characters = sketch.BLOCKS
        except UnicodeEncodeError:
            characters = sketch.ASCII
        drawn = sketch.draw(self.track, shutil.get_terminal_size().columns - 1, characters)
        return f"{printable(self.title(self.file))}\n{drawn}\n"

    def title(self, name):
        """Say what is drawn of a file of this name."""
        return f"{name} ({spoken(self.track.seconds)}{music.doubts(self)})"

    def document(self):
        """Give all as a dict: spans, and probabilities of each step between two edges."""
        told = self._asdict()
        track = told.pop("track")
        told |= {"seconds": track.seconds, "window": track.window, "genres": track.genres}
        told["spans"] = [span._asdict() for span in track.spans]
        arrays = {"edges": track.edges, "probabilities": track.probabilities}
        return told | {name: values.astype(float).tolist() for name, values in arrays.items()}

    @property
    def header(self):
        """The columns of a table: those of `rows`."""
        return ["file", "start", "end", "genre", "confidence", *sorted(self.track.genres)]

    @property
    def rows(self):
        """A row of a table for each step: the genre of its span, and probabilities."""
        track, spans = self.track, iter(self.track.spans)
        span, rows = next(spans), []
        for start, end, step in zip(
            track.edges, track.edges[1:], track.probabilities, strict=False
        ):
            while start >= span.end:
                span = next(spans)
            shares = {name: round(float(p), 6) for name, p in zip(track.genres, step, strict=True)}
            ordered = [shares[name] for name in sorted(shares)]
            times = round(float(start), 3), round(float(end), 3)
            rows.append([self.file, *times, span.genres[0], shares[span.genres[0]], *ordered])
        return rows


def classify(
    names: list[str],
    model: str | Path | None = None,
    *,
    timeline: bool = False,
    form: str | None = None,
    out: str | Path | None = None,
    longest: float = 3600.0,
) -> int:
    """Predict the genres of files; what is skipped goes to standard error.

    Parameters
    ----------
    names : list of str
        As `music.find_files` has them.
    model : str or Path, optional
        As `find_model` has it.
    timeline : bool
        Whether to follow the genre through each file.
    form : {"json", "csv"}, optional
        As `music.describe_each` has it: a document of, or a table of a row for, each `Prediction`;
        of a timeline, each `Followed`, and a row for each of its steps.
    out : str or Path, optional
        The file to write, instead of standard output: of a form, or a picture of one timeline.
    longest : float
        Seconds that a file may last.

    Returns
    -------
    int
        Exit status, as `music.describe_each` has it.

    Raises
    ------
    Refusal
        If `out` does not fit the form, or more than one file is to be in a picture; if there is no
        model, or it cannot be read; or if it reads tags, and the tagger's weights are missing; if
        nothing could be used, and a file was to be written.
    """
    if out is not None:
        _require_fitting(Path(out), form, timeline)
    found = music.find_files(names)
    picture = out is not None and not form
    if picture and found.skipped:
        raise Refusal(found.skipped[0].reason)
    if picture and len(found.paths) > 1:
        raise Refusal(f"{out} can show one file, and {len(found.paths):,} are named.")
    folder = find_model(model) if found.paths else None
    champion = cache(partial(_load, folder))
    of_file = _follow if timeline else predict

    def describe(path, sound, progress):
        return of_file(champion(), path, sound, progress)

    if not picture:
        return music.describe_each(found, describe, "classify", form=form, out=out, longest=longest)
    with music.progress_of_one("classify") as progress:
        sound = audio.read_whole(found.paths[0], longest=longest)
        followed = describe(found.paths[0], sound, progress)
    _draw(followed, sound.samples, folder, out)
    print(f"{printable(out)}: the genre of {printable(found.paths[0])} over time")
    return 0


def _require_fitting(out, form, timeline):
    """Refuse a file to write whose ending is not that of its content, as a file of music's."""
    if not (form or timeline):
        raise Refusal(f"What {out} is to hold is not said: add --csv, --json or --timeline.")
    endings = (f".{form}",) if form else PICTURES
    if out.suffix.lower() not in endings:
        raise Refusal(f"{out} does not end in {' or '.join(endings)}: give it that ending.")
    if out.is_dir():
        raise Refusal(f"{out} is a folder: name a file.")


class NoModel(Refusal):
    """No run has trained a model."""


def find_model(wanted: str | Path | None = None) -> Path:
    """Find a champion: the one wanted, or the best of the project's runs.

    Of several, those that can be used come first: where the tagger's weights are missing, one that
    reads tags cannot. Then those trained on real music, those of a full run, those that read tags,
    and last the newest.

    Parameters
    ----------
    wanted : str or Path, optional
        The folder of a champion or of a run, or the name of a run in ``runs/``.

    Raises
    ------
    NoModel
        If none is wanted, and there is none.
    Refusal
        If there is no such folder or run, or no champion in it; or if it reads tags and the
        tagger's weights are missing.
    """
    if wanted is None:
        found = [folder for run in project.RUNS.glob("*") for folder in _champions(run)]
        if not found:
            raise NoModel(
                f"There is no trained model yet: {project.COMMAND} run --only 11 makes one, "
                "and with --quick a rough one in a few minutes."
            )
    else:
        places = Path(wanted).expanduser(), project.RUNS / wanted
        found = next(filter(None, map(_champions, places)), [])
        if not found and any(place.is_dir() for place in places):
            raise Refusal(
                f"{wanted} holds no model: it is neither a run in which notebook 11 or 13 has "
                "trained one nor a model's folder, with a file champion.json."
            )
        if not found:
            raise Refusal(f"There is no run {wanted}, and no folder of a model.")
    best = max(found, key=_usefulness)
    if _reads_tags(best):
        tags.find_weights()
    return best


def _champions(place):
    """List the champions that a folder is, or a run's folder holds."""
    run = RunFolder(place)
    folders = (place, run.champion, run.tagged_champion)
    return [folder for folder in folders if (folder / "champion.json").is_file()]


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


def describe_model(folder, name=None):
    """Say in a line which champion a folder holds, and why its predictions may be worth less.

    It is called by its folder, or by another name.
    """
    kind = _kind(folder)
    return f"Model: {name or folder}" + (f" ({kind})" if kind else "")


def name_model(folder):
    """Name a champion by the run that trained it; by its folder's name, if none is known."""
    folder = folder.resolve()
    run = RunFolder(folder.parent.parent)
    known = folder in (run.champion, run.tagged_champion)
    return f"champion of the run {run.folder.name}" if known else folder.name


def _kind(folder):
    """Say what is special in a champion; nothing, if nothing is."""
    quick, synthetic = _origin(folder)
    tagged = "reads tags" if _reads_tags(folder) else ""
    rough = "from a rehearsal, so its predictions are rough" if quick else ""
    toy = "trained on synthetic music, so it knows no other" if synthetic else ""
    return "; ".join(filter(None, (tagged, rough, toy)))


def _load(folder):
    music.say(describe_model(folder), sys.stderr)
    from genres.models import champion  # which imports TensorFlow, and that takes seconds

    return champion.load(folder)


def predict(champion, path, sound=None, progress: Callable | None = None) -> Prediction:
    """Predict the genre of a file.

    Parameters
    ----------
    champion : genres.models.champion.Champion
        What predicts; ``genres.models.champion.load(find_model())`` is the best of the project's.
    path : str or Path
        The file.
    sound : genres.decoding.audio.Sound, optional
        What it holds, where it was read before.
    progress : callable, optional
        Called again and again with the share that is done, from 0 to 1.

    Raises
    ------
    AudioError
        If the file is not audio that can be used.
    """
    from genres.sound import measurements  # which imports librosa, and that takes a second

    sound = sound or audio.read_whole(path)
    clips, total = measurements.windows(sound.samples), np.zeros(len(champion.genres_))
    for first in range(0, len(clips), _AT_ONCE):
        at_once = clips[first : first + _AT_ONCE]
        tracks = measurements.measure(at_once, champion.n_steps_, tagged=champion.reads_tags)
        total = total + champion.predict_proba(tracks).sum(axis=0)
        if progress:
            progress(min(1, (first + _AT_ONCE) / len(clips)))
    shares = zip(champion.genres_, map(float, total / len(clips)), strict=True)
    genres = dict(sorted(shares, key=lambda pair: -pair[1]))
    seconds = len(sound.samples) / audio.SAMPLE_RATE
    padded = seconds < measurements.SECONDS
    told = (sound.silent, sound.cancelling, sound.cut_off)
    return Prediction(str(path), seconds, len(clips), padded, *told, genres)


def _follow(champion, path, sound, progress):
    from genres.changes import timeline  # which imports TensorFlow, and that takes seconds

    track = timeline.follow_sound(sound.samples, champion, progress=progress)
    return Followed(str(path), sound.silent, sound.cancelling, sound.cut_off, track)


def _draw(followed, samples, model, out):
    """Write a picture of a file's timeline."""
    import matplotlib as mpl  # which takes a second to import, as what draws with it does

    from genres.lab import plots, soundplots
    from genres.sound import features

    mpl.use("agg")
    plots.set_style()
    mpl.rcParams["text.parse_math"] = False  # a dollar sign in a name is one
    hop = max(512, len(samples) // _N_COLUMNS)
    decibels = features.log_mel(samples, audio.SAMPLE_RATE, hop_length=hop)
    name, kind = printable(followed.title(Path(followed.file).name)), _kind(model)
    said = [name, f"Model: {kind}"] if kind else [name]
    title = "\n".join(textwrap.fill(text, _TITLE) for text in said)
    figure = soundplots.timelines(samples, decibels, {"champion": followed.track}, title)
    with files.atomic(out) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # it is drawn as a box
        figure.savefig(temporary)
    plots.close(figure)
