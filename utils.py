"""The bench that a notebook works at: it opens the data and keeps pictures, results and models."""

import html
import json
import os
import sys
import time
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import pandas as pd
from IPython.display import Image, Markdown, display
from threadpoolctl import threadpool_limits

from genres import Refusal, files, project
from genres.data import folders
from genres.lab import plots, recordings
from genres.project import RunFolder
from genres.report import ledger
from genres.screen import spaced

N_BUILT_IN, N_BUILT_IN_QUICK = 30, 10
"""Clips of each genre, where spectrograms or sound are those of the built-in corpus."""


class Bench:
    """What a notebook works with, from its first cell to its last.

    Parameters
    ----------
    notebook : str
        The notebook's name, such as ``02-knn-baseline``.
    data : str, optional
        Folder or name of the data; see `genres.data.folders.find`.
    seed : int
        What all random numbers start from.
    quick : bool
        Whether this is a rehearsal: fewer models and epochs.

    Attributes
    ----------
    data : genres.data.folders.Data
        The data at hand.
    interactive : bool
        Whether somebody may use the notebook's controls, as nobody can in a run.
    folder : Path
        The run's folder: `GENRE_RUN` if it is set, else ``runs/<data>`` in the project.
    synthetic : bool
        Whether any of the music that was taken so far, as the data or in their place, was made by
        a program.
    sources : list of str
        Where spectrograms and sound were taken from.
    """

    def __init__(self, notebook, data=None, seed=0, quick=False):
        self.notebook, self.seed, self.quick = notebook, seed, quick
        threadpool_limits(1)  # an editor has loaded NumPy before `environment` could say so
        try:
            self.data = folders.find(data)
        except Refusal as refusal:
            sys.exit(f"{refusal}")
        self.synthetic, self.sources = self.data.synthetic, []
        self._n_built_in = N_BUILT_IN_QUICK if quick else N_BUILT_IN
        name = f"{self.data.name}-quick" if quick else self.data.name
        self.run = RunFolder(Path(os.environ.get("GENRE_RUN") or project.RUNS / name))
        self.folder = self.run.folder
        self.table = cache(self.data.table)
        self.finest = cache(self.data.finest)
        self.interactive = "GENRE_RUN" not in os.environ
        plots.set_style()
        pd.options.display.max_colwidth = None
        rehearsal = " This is a rehearsal: its figures are rough." if quick else ""
        # A run has found the data and knows why; this notebook was only told where they are.
        reason = os.environ.get("GENRE_REASON") or self.data.reason
        display(Markdown(f"*Data: {reason}.{rehearsal}*"))

    def spectrograms(self):
        """Give the spectrograms that go with the data; say whose they are."""
        return self._taken(recordings.find_spectrograms)

    def tagged(self):
        """Give data that have taggrams, and the spectrograms that go with them; say whose they are.

        Returns
        -------
        data : genres.data.folders.Data
            The data at hand; the built-in corpus, where they lack taggrams, spectrograms and sound.
        spectrograms : genres.lab.recordings.Spectrograms
            Not all of their clips need to have a taggram.
        """
        built_in = folders.find(folders.SYNTHETIC)
        data = self.data if self.data.taggrams else built_in
        found = self._taken(recordings.find_spectrograms, data)
        return built_in if found.clips.synthetic else data, found

    def recordings(self, excerpts=False):
        """Give the sound that goes with the data; say whose it is.

        Parameters
        ----------
        excerpts : bool
            Whether to add excerpts, of clips of which the data have no whole sound.
        """
        return self._taken(partial(recordings.find_recordings, excerpts=excerpts))

    def built_in_recordings(self):
        """Give the sound of the built-in corpus, to set beside that of the data; say so."""
        return self._told(recordings.built_in_recordings(self._n_built_in, self.progress))

    def _taken(self, find, data=None):
        found = find(data or self.data, self._n_built_in, self.progress)
        self.synthetic = self.synthetic or found.clips.synthetic
        return self._told(found)

    def _told(self, found):
        """Note and say where spectrograms or sound were taken from, and give them back."""
        self.sources.append(found.clips.source)
        say(f"*{found.clips.source}.*")
        return found

    def show(self, figure, picture: str, synthetic: bool | None = None):
        """Show a picture, and keep it as ``figures/<notebook>-<picture>.png`` of the run.

        Parameters
        ----------
        figure : Figure or genres.lab.maps.Turnable
            The picture, or what has one as its ``figure``: then that is kept.
        picture : str
            Its name.
        synthetic : bool, optional
            Whether it is of synthetic music; by default, whether the tables are.
        """
        if self.data.synthetic if synthetic is None else synthetic:
            plots.mark_synthetic(figure.figure)
        png = plots.as_png(figure.figure)
        with files.atomic(self.run.figure(self.notebook, picture)) as temporary:
            temporary.write_bytes(png)
        shown = Image(png) if figure.figure is figure else figure
        display(shown, metadata={"image/png": {"alt": plots.describe(figure.figure)}})
        plots.close(figure.figure)

    def keep(self, *, seeds, n_train, n_test, **results):
        """Keep what the notebook found as ``results/<notebook>.json`` of the run."""
        origin = {
            "data": self.data.name,
            "synthetic": self.synthetic,
            "sources": self.sources,
            "quick": self.quick,
            "seeds": list(seeds),
            "n_train": int(n_train),
            "n_test": int(n_test),
        }
        files.write_json(self.run.results(self.notebook), origin | results)

    def compare(self, **found):
        """Show what the reports have beside what came out here, and why the two differ.

        Parameters
        ----------
        **found
            What was found, under the names that `keep` takes it under: shown is each row of the
            ledger, ``data/ledger.csv``, whose key leads to some of it. A dash stands where the
            report says something without a figure.
        """
        results = {self.notebook: found}
        lines = ["| in the report | reported | here | why they differ |", "|:--|--:|--:|:--|"]
        for row in ledger.read(project.PROJECT / ledger.PLACE):
            here = ledger.here(row, results)
            if here == ledger.NONE:
                continue
            why = ledger.explain(row, results)
            if self.data.name != folders.COURSE:
                same = here == row.reported
                why = "same figure, on other data" if same else "other data than the report's"
            reported = row.reported or ledger.NONE
            lines.append(f"| {row.place}, {row.shows} | {reported} | {here} | {why} |")
        display(Markdown(spaced("\n".join(lines))))

    def reported(self, kept: str):
        """Give the figures of the reports that stand beside what is kept under a name.

        Parameters
        ----------
        kept : str
            A name that `keep` takes, of a dict of dicts.

        Returns
        -------
        DataFrame
            A row for each of these dicts, and a column for each figure of it in the ledger.
        """
        figures: dict[str, dict] = {}
        for row in ledger.read(project.PROJECT / ledger.PLACE):
            first, *rest = row.key.split("/")
            if row.notebook == self.notebook and first == kept and row.reported:
                figures.setdefault(rest[0], {})[rest[1]] = ledger.number(row.reported)
        return pd.DataFrame.from_dict(figures, orient="index")

    @contextmanager
    def progress(self, label, total):
        """Show how far something long has come, here and where the run was started.

        Yields
        ------
        callable
            To be called with the number of steps done since its last call, and with ``kept=True``
            where an earlier run had done them: the time that is shown then says so.
        """
        done, start = 0, time.monotonic()
        shown, reused = start, ""
        line = display(Markdown(f"{label} …"), display_id=True)

        def step(n=1, kept=False):
            nonlocal done, shown, reused
            done += n
            reused = reused or (", with what an earlier run had kept" if kept else "")
            now = time.monotonic()
            if now - shown < 0.5:
                return
            shown = now
            left = (now - start) * (total / done - 1)
            line.update(Markdown(spaced(f"{label}: {done / total:.0%}, about {left:.0f} s left")))
            if os.environ.get("GENRE_PROGRESS"):
                with Path(os.environ["GENRE_PROGRESS"]).open("a") as bars:
                    note = {"label": label, "done": int(done), "total": int(total)}
                    bars.write(json.dumps(note) + "\n")

        yield step
        line.update(Markdown(f"*{label}: {time.monotonic() - start:.1f} s{reused}*"))


def say(text):
    """Show a sentence that the notebook has just computed, its percentages as prose has them."""
    display(Markdown(spaced(text)))


def shown(frame, digits=3, caption: str | None = None):
    """Show a table, with what it shows above it.

    Parameters
    ----------
    frame : DataFrame
        The table. Whatever else is shown as it is.
    digits : int or dict of str to (int, str or callable)
        Digits after the point of all that is not whole; or, for some columns, their digits, a
        format such as ``"{:.1%}"``, or what writes a value, such as `p_value`. Those not named
        have three digits.
    caption : str, optional
        What the table shows.
    """
    if not isinstance(frame, pd.DataFrame):
        display(frame)
        return
    forms = digits if isinstance(digits, dict) else {}
    options = {
        "formatters": {column: _writer(form) for column, form in forms.items()},
        "float_format": _writer(3 if forms else digits),
        "na_rep": "–",
    }
    frame = frame.map(lambda value: spaced(value) if isinstance(value, str) else value)
    text, table = frame.to_string(**options), frame.to_html(**options, border=0)
    if caption:
        caption = spaced(caption)
        text = f"{caption}\n{text}"
        table = table.replace(">", f"><caption>{html.escape(caption)}</caption>", 1)
    display({"text/plain": text, "text/html": table}, raw=True)


def _writer(form):
    """Give what writes a value in a form that `shown` takes; nothing is written as a dash."""
    if isinstance(form, int):
        form = f"{{:.{form}f}}"
    write = form.format if isinstance(form, str) else form
    return lambda value: "–" if pd.isna(value) else spaced(write(value))


def p_value(p: float) -> str:
    """Write a p-value with three digits; one that would be 0.000 as less than 0.001."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
