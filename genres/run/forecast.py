"""How long will the notebooks of a run take?"""

from pathlib import Path

from genres.data import folders
from genres.run.runs import read_if_sound

_REHEARSAL, _BUILT_IN = "rehearsal.json", "built-in.json"  # in the folder of published figures
_TRACKS = 990  # of the data on which the project's own times were measured
_START = 4.0  # seconds that a notebook needs before it sees data


def expect(run, names) -> dict[str, float | None]:
    """Give the seconds that notebooks are expected to take, each None where that is not known.

    What was measured on this machine comes first: the last time of this run, or else of another
    beside it that is of the same data, and a rehearsal as well or a full run as well. Otherwise
    it is what the published run took, or a rehearsal of it, in proportion to the number of tracks;
    on the built-in corpus, on which notebooks do less, it is what the project's own run took.

    Parameters
    ----------
    run : genres.run.runs.Run
    names : list of str
        Names of notebooks.
    """
    measured = {name: _measured(run, name) for name in names}
    missing = [name for name in names if measured[name] is None]
    return measured | (_as_published(run, missing) if missing else {})


def runs_beside(folder) -> dict[str, Path]:
    """Give the runs whose times are published with a run: those of others are forecast from them.

    Parameters
    ----------
    folder : Path
        Of the run that is published.

    Returns
    -------
    dict of str to Path
        Their folders, by the name of the file in ``figures/`` that has each notebook's seconds.
    """
    return {
        _REHEARSAL: folder.with_name(f"{folder.name}-quick"),
        _BUILT_IN: folder.with_name(folders.SYNTHETIC),
    }


def _measured(run, name):
    own = run.read_state(name).get("seconds")
    if own is not None:
        return own
    beside = (read_if_sound(path) for path in run.folder.parent.glob(f"*/state/{name}.json"))
    of_its_kind = [state for state in beside if _is_like(run, state.get("made_from", {}))]
    newest = max(of_its_kind, key=lambda state: state.get("finished", ""), default={})
    return newest.get("seconds")


def _is_like(run, made_from):
    name = str(made_from.get("data", "")).rpartition(" ")[0]
    return made_from.get("quick") == run.quick and name == run.data.name


def _as_published(run, names):
    figures = run.project / "figures"
    share = len(run.data.table(folders.WHOLE)) / _TRACKS
    published = read_if_sound(figures / _REHEARSAL) if run.quick else _published(figures)
    known = {name: _scaled(seconds, share) for name, seconds in published.items() if seconds}
    if run.data.synthetic and not run.quick:
        known |= read_if_sound(figures / _BUILT_IN)
    return {name: known.get(name) for name in names}


def _published(figures):
    return {
        name: described.get("seconds")
        for name, described in read_if_sound(figures / "run.json").items()
        if isinstance(described, dict)
    }


def _scaled(seconds, share):
    start = min(seconds, _START)
    return start + (seconds - start) * share
