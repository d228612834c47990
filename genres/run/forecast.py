"""How long will the notebooks of a run take?"""

from genres.data import folders
from genres.run.runs import read_if_sound

_TRACKS = 990  # of the data on which the project's own times were measured
_START = 4.0  # seconds that a notebook needs before it sees data


def expect(run, names) -> dict[str, float | None]:
    """Give the seconds that notebooks are expected to take, each None where that is not known.

    What was measured on this machine comes first: the last time of this run, or else of another
    beside it that is of the same data, and a rehearsal as well or a full run as well. Otherwise
    it is what the published run took, or a rehearsal of it, in proportion to the number of tracks.

    Parameters
    ----------
    run : genres.run.runs.Run
    names : list of str
        Names of notebooks.
    """
    measured = {name: _measured(run, name) for name in names}
    missing = [name for name in names if measured[name] is None]
    return measured | (_as_published(run, missing) if missing else {})


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
    if run.quick:
        known = read_if_sound(figures / "rehearsal.json")
    else:
        known = {
            name: described.get("seconds")
            for name, described in read_if_sound(figures / "run.json").items()
            if isinstance(described, dict)
        }
    share = len(run.data.table(folders.WHOLE)) / _TRACKS
    return {
        name: None if (seconds := known.get(name)) is None else _scaled(seconds, share)
        for name in names
    }


def _scaled(seconds, share):
    start = min(seconds, _START)
    return start + (seconds - start) * share
