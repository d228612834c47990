"""What of a finished run becomes the published report?"""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from genres import Refusal, files
from genres.project import COMMAND, PROJECT, find_notebooks
from genres.report import elsewhere, ledger, summary
from genres.run import forecast, provenance, runs
from genres.screen import spoken

LARGEST = 3_000_000
"""Bytes of the largest notebook that is published: larger ones GitHub does not show."""

CHAMPION, EVALUATIONS = "11-champion", "test-set-evaluations.csv"
"""A notebook, and the list in ``figures/`` of its scores on the test tracks.

Published runs are evaluations; what was looked at during development is noted as a rehearsal.
"""

EVALUATED = "figures/evaluations"
"""Where the project has the published leaderboard and the pages of its models."""

_LEADERBOARD = ("leaderboard.html", "leaderboard.md", "leaderboard.csv")

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
"""What stands around the table of results in README.md."""

TIMES = "<!-- run:begin -->", "<!-- run:end -->"
"""What stands around the table of times in docs/SPEED.md."""

_INTRODUCTION = f"""\
Each row is a figure, table or number of a report. It gives the value there and here, the cell \
that computes it, and why the two differ. {ledger.EXPLAINED} Where a value \
depends on random seeds or splits, it is the mean over them. A cell's number is the one beside \
it in the notebook; in JupyterLab the link leads to the cell.

`.venv/bin/genres publish` writes this page, from [data/ledger.csv](../data/ledger.csv) and \
[figures/results.json](../figures/results.json)."""


def publish(folder: str | Path, project: Path = PROJECT, only: Sequence[str] = ()) -> list[Path]:
    """Put a finished run's notebooks, pictures and figures into the project.

    Everything is checked before anything is written.

    Parameters
    ----------
    folder : str or Path
        The run's folder.
    project : Path
        The project's folder: ``notebooks/``, ``figures/``, ``docs/LEDGER.md``, the table of results
        in ``README.md`` and that of times in ``docs/SPEED.md`` change.
    only : sequence of str
        Numbers or names of the notebooks to publish; by default all. The others stay as they are.

    Returns
    -------
    list of Path
        The notebooks written.

    Raises
    ------
    Refusal
        If what is to be published is quick, incomplete, of synthetic music, of other data than the
        rest or made from other code than the project's, if that code is not committed, or if a
        notebook is too large or tells a path of this machine.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise Refusal(f"There is no run in {folder}: {COMMAND} run makes one.")
    notebooks = find_notebooks(project, only)
    run = runs.Run(project, folder)
    states = {notebook.stem: _finished_state(run, notebook) for notebook in notebooks}
    found = {name: files.read_json(run.results(name)) for name in states}
    _require_full_and_real(found)
    _require_one_origin(states)
    cleaned = {notebook: _clean(run, notebook) for notebook in notebooks}
    made = {nb.stem: _describe(states[nb.stem], nb, project) for nb in notebooks}
    figures = project / "figures"
    described = _beside_the_published(made, figures / "run.json", project)
    results = _beside_the_published(found, figures / "results.json", project)
    results = {name: results[name] for name in described if name in results}
    _require_one_data(described)
    rows = ledger.read(project / ledger.PLACE)
    readme = fill(project / "README.md", BEGIN, END, result_table(rows, results, described))
    speed = fill(project / "docs" / "SPEED.md", *TIMES, summary.time_table(described))
    page = ledger_text(rows, results, project)
    board = {} if only else _read_leaderboard(run)

    for notebook, text in cleaned.items():
        files.write_text(notebook, text)
    _replace_pictures(run.figures, figures, list(states))
    _replace_leaderboard(board, project)
    files.write_json(figures / "results.json", results)
    files.write_json(figures / "run.json", described)
    for name, place in forecast.runs_beside(folder).items():
        if seconds := _seconds_of_all(runs.Run(project, place)):
            files.write_json(figures / name, seconds)
    files.write_text(project / "README.md", readme)
    files.write_text(project / "docs" / "SPEED.md", speed)
    files.write_text(project / "docs" / "LEDGER.md", page)
    if CHAMPION in found:
        accuracies = found[CHAMPION]["accuracies"]
        _log_evaluation(figures / EVALUATIONS, accuracies, states[CHAMPION])
    return notebooks


def publish_leaderboard(folder: str | Path, project: Path = PROJECT) -> list[Path]:
    """Put the leaderboard of a run, and the pages of its models, into the project.

    Parameters
    ----------
    folder : str or Path
        The run's folder.
    project : Path
        The project's folder: ``figures/evaluations/`` changes.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    Refusal
        If the run has no leaderboard, if it is of synthetic music, or if one of its files tells a
        path of this machine.
    """
    run = runs.Run(project, Path(folder).resolve())
    board = _read_leaderboard(run)
    if not board:
        raise Refusal(f"{run.evaluations} holds no leaderboard: {COMMAND} evaluate makes one.")
    return _replace_leaderboard(board, project)


def _read_leaderboard(run):
    """Give what is published of a run's leaderboard, by name: nothing where it has none."""
    place = run.evaluations
    if not (place / _LEADERBOARD[0]).exists():
        return {}
    if any(runs.read_if_sound(path).get("synthetic") for path in place.glob("*.json")):
        raise Refusal(f"{place} is of synthetic music: only figures of real music are published.")
    paths = [*(place / name for name in _LEADERBOARD), *sorted(place.glob("evaluation-*.html"))]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    for name, text in texts.items():
        _require_no_path(name, [{"text": text}], _private(run.folder, run.project))
    return texts


def _replace_leaderboard(texts, project):
    """Write a leaderboard and its pages in place of the published ones, if there is a new one."""
    for old in (project / EVALUATED).glob("*") if texts else ():
        old.unlink()
    for name, text in texts.items():
        files.write_text(project / EVALUATED / name, text)
    return [project / EVALUATED / name for name in texts]


def _seconds_of_all(run):
    """Give what each notebook took in a run, if it is one of all notebooks."""
    names = [notebook.stem for notebook in find_notebooks(run.project)]
    seconds = {name: run.read_state(name).get("seconds") for name in names}
    return seconds if all(seconds.values()) else None


def result_table(rows, results: dict[str, dict], run: dict[str, dict]) -> str:
    """Write the README's table of results.

    Parameters
    ----------
    rows : list of genres.report.ledger.Row
    results : dict of str to dict
        Each notebook's results, as in ``figures/results.json``.
    run : dict of str to dict
        What made them, as in ``figures/run.json``.

    Returns
    -------
    str
        A Markdown table: notebook, what its headline is, which report's figure, this run's; and
        a sentence on what the run took.
    """
    lines = [
        "| notebook | headline | reported | this project |",
        "| --- | --- | ---: | ---: |",
    ]
    for name, row in ledger.headlines(rows).items():
        if name in results:
            report, here = ledger.headline(row, results[name])
            link = f"[{name}](notebooks/{name}.ipynb)"
            lines.append(f"| {link} | {row.headline} | {report} | {here} |")
    made = run.values()
    machines = {f"{m['cores']} cores ({m['cpu']})" for m in (one["machine"] for one in made)}
    where = " and ".join(sorted(machines))
    memory = max(one["peak_memory"] for one in made) / 1e9
    took = f"took {spoken(runs.time_taken(made))} on {where} and at most {memory:.1f} GB of memory"
    lines += ["", f"The published run {took}."]
    return "\n".join(lines)


def write_badges(project: Path = PROJECT) -> str | None:
    """Write badges that open the project in Colab and Binder into its pages, or take them out.

    Returns
    -------
    str or None
        The repository's address, as `elsewhere.repository` reads it.
    """
    begin, end = elsewhere.BEGIN, elsewhere.END
    pages = [project / "README.md", project / "docs" / "BROWSER.md"]
    texts = [fill(page, begin, end, elsewhere.badges(project)) for page in pages]
    for page, text in zip(pages, texts, strict=True):
        files.write_text(page, text)
    return elsewhere.repository(project)


def ledger_text(rows, results, project):
    """Write the text of ``docs/LEDGER.md``, with the parameters of `result_table`."""
    return ledger.page(_INTRODUCTION, rows, results, project, project / "docs")


def fill(path, begin, end, text):
    """Give a file's text with another text between two marks, which stay.

    Raises
    ------
    Refusal
        If the file lacks the marks.
    """
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    before, found_begin, rest = old.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise Refusal(f"{path} has no {begin} and {end} for a table to stand in.")
    return f"{before}{begin}\n{text}\n{end}{after}"


def _beside_the_published(new, path, project):
    """Give what is new of some notebooks, and of the project's others what is published."""
    names = [notebook.stem for notebook in find_notebooks(project)]
    old = files.read_json(path) if path.exists() and len(new) < len(names) else {}
    if not all(isinstance(part, dict) for part in old.values()):
        raise Refusal(f"{path} is of another version: publish all notebooks.")
    both = old | new
    return {name: both[name] for name in names if name in both}


def _describe(state, notebook, project):
    """Say which code made a published notebook, when, of which data and where, and what it took."""
    commit = provenance.commit_of([notebook], project)
    if commit is None:
        raise Refusal(f"The code of {notebook.stem} is in no commit: commit it, then publish.")
    name, digest = state["made_from"]["data"].rsplit(" ", 1)
    return {
        "commit": commit,
        "finished": state["finished"],
        "seconds": state["seconds"],
        "cpu_seconds": state.get("cpu_seconds"),  # an older run has none
        "peak_memory": state["peak_memory"],
        "data": name,
        "fingerprint": digest,  # of the data
        "machine": state["machine"],
    }


def _log_evaluation(path, accuracies, state):
    """Note that a champion was scored on the test tracks, unless that execution is noted."""
    header = "date,commit,accuracy,kind,what\n"
    lines = path.read_text(encoding="utf-8") if path.exists() else header
    if state["finished"] not in lines:
        accuracy = sum(accuracies) / len(accuracies)
        commit = state["commit"][:10] if state["commit"] else "uncommitted"
        what = "one seed" if len(accuracies) == 1 else f"mean of {len(accuracies)} seeds"
        line = f"{state['finished']},{commit},{accuracy:.4f},evaluation,{what}\n"
        files.write_text(path, lines + line)


def _finished_state(run, notebook):
    """Read a notebook's state, if it was executed from the code that is here now."""
    name = notebook.stem
    state = run.read_state(name)
    made = [run.executed(name), run.results(name)]
    if "made_from" not in state or not all(path.exists() for path in made):
        raise Refusal(
            f"{run.folder} is not complete: {name} was not executed to its end. "
            f"Start {COMMAND} run again."
        )
    for part, value in provenance.fingerprint_of_code(notebook, run.project).items():
        if state["made_from"].get(part) != value:
            raise Refusal(
                f"{name} was executed before its {part} changed: start {COMMAND} run again."
            )
    return state


def _require_full_and_real(results):
    for name, found in results.items():
        if found.get("quick", True):
            raise Refusal(f"{name} is of a quick run: only a full one is published.")
        if found.get("synthetic", True):
            raise Refusal(f"{name} shows results on synthetic data: only real ones are published.")


def _require_one_origin(states):
    """Refuse notebooks of one run that saw different data or Pythons."""
    first, *others = states
    for part in ("data", "Python"):
        for name in others:
            if states[name]["made_from"][part] != states[first]["made_from"][part]:
                raise Refusal(
                    f"{name} and {first} were executed with different {part}: "
                    f"start {COMMAND} run again."
                )


def _require_one_data(described):
    """Refuse to put notebooks of some data beside published ones of others."""
    for part in ("data", "fingerprint"):  # what was published long ago may lack the latter
        if len({made[part] for made in described.values() if part in made}) > 1:
            names = " and ".join(sorted({made["data"] for made in described.values()}))
            raise Refusal(
                f"The published notebooks would be of different data ({names}): publish all "
                "notebooks of one run."
            )


def _clean(run, notebook):
    """Give the notebook as it was written, with the outputs of the run and nothing else of it."""
    written = files.read_json(notebook)
    executed = files.read_json(run.executed(notebook.stem))
    data = executed["metadata"]["papermill"]["parameters"]["DATA"]
    private = _private(run.folder, run.project, data)
    outputs = [
        cell["outputs"]
        for cell in executed["cells"]
        if cell["cell_type"] == "code" and not provenance.is_injected(cell)
    ]
    code = [cell for cell in written["cells"] if cell["cell_type"] == "code"]
    count = 0
    for cell, shown in zip(code, outputs, strict=True):
        has_code = bool("".join(cell["source"]).strip())
        count += has_code
        cell["execution_count"] = count if has_code else None
        cell["outputs"] = shown
        for output in shown:
            if "execution_count" in output:
                output["execution_count"] = count
        _require_no_path(f"{notebook.stem}, cell {count}", shown, private)
    written["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    text = json.dumps(written, indent=1, ensure_ascii=False) + "\n"
    size = len(text.encode())
    if size > LARGEST:
        raise Refusal(
            f"{notebook.stem} would be {size / 1e6:.1f} MB, more than the {LARGEST / 1e6:.0f} MB "
            "that can be read on GitHub: make its pictures smaller."
        )
    return text


def _private(*paths):
    """Give paths that nobody else is told, and the user's home: of nested ones first the inner."""
    return sorted({*map(str, paths), str(Path.home())} - {"/"}, key=len, reverse=True)


def _require_no_path(place, outputs, private):
    """Refuse outputs that tell where things lie on the machine of the run."""
    pattern = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, private))})(?![\w.-])")
    for text in _texts(outputs):
        if match := pattern.search(text):
            raise Refusal(
                f"{place}, shows the path {match[0]}, which is this machine's own: take it out."
            )


def _texts(outputs):
    """Give all that can be read in some outputs: not what is encoded, such as pictures."""
    for output in outputs:
        yield "".join(output.get("text", ""))
        yield "\n".join(output.get("traceback", []))
        for kind, content in output.get("data", {}).items():
            if not kind.startswith(("image/", "audio/")) or kind == "image/svg+xml":
                yield content if isinstance(content, str) else json.dumps(content)


def _replace_pictures(source, target, names):
    """Copy the pictures of the run, and take away those that its notebooks no longer draw."""
    target.mkdir(exist_ok=True)
    for name in names:
        for old in target.glob(f"{name}-*"):
            old.unlink()
        for picture in sorted(source.glob(f"{name}-*")):
            with files.atomic(target / picture.name) as temporary:
                shutil.copyfile(picture, temporary)
