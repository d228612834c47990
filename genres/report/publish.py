"""What of a finished run becomes the published report?"""

import json
import re
import shutil
from pathlib import Path

from genres import Refusal, files
from genres.project import PROJECT, find_notebooks
from genres.report import ledger
from genres.run import provenance, runs
from genres.screen import spoken

LARGEST = 3_000_000
"""Bytes of the largest notebook that is published: larger ones GitHub does not show."""

CHAMPION, OPENINGS = "11-champion", "test-openings.csv"
"""A notebook, and the list in ``figures/`` of its executions: each scores the test tracks."""

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
"""What stands around the table of results in README.md."""

LEDGER_BEGIN, LEDGER_END = "<!-- ledger:begin -->", "<!-- ledger:end -->"
"""What stands around the ledger in README.md."""


def publish(folder, project=PROJECT):
    """Put a finished run's notebooks, pictures and figures into the project.

    Everything is checked before anything is written.

    Parameters
    ----------
    folder : str or Path
        The run's folder.
    project : Path
        The project's folder: ``notebooks/``, ``figures/`` and, in ``README.md``, the table of
        results and the ledger change.

    Returns
    -------
    list of Path
        The notebooks written.

    Raises
    ------
    Refusal
        If the run is quick, incomplete, of synthetic music or made from other code than the
        project's, if that code is not committed, or if a notebook is too large or tells a path of
        this machine.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise Refusal(f"There is no run in {folder}: ./run_all.sh makes one.")
    notebooks = find_notebooks(project)
    run = runs.Run(project, folder)
    states = {notebook.stem: _finished_state(run, notebook) for notebook in notebooks}
    results = {name: files.read_json(run.results(name)) for name in states}
    _require_full_and_real(results)
    _require_one_origin(states)
    commit = provenance.commit_of(notebooks, project)
    if commit is None:
        raise Refusal("The code of this run is in no commit: commit it, then publish.")
    cleaned = {notebook: _clean(run, notebook) for notebook in notebooks}
    described = _describe_run(states, commit)
    readme = _fill_readme(project, results, described)

    for notebook, text in cleaned.items():
        files.write_text(notebook, text)
    _replace_pictures(folder / "figures", project / "figures", list(states))
    files.write_json(project / "figures" / "results.json", results)
    files.write_json(project / "figures" / "run.json", described)
    files.write_text(project / "README.md", readme)
    if CHAMPION in results:
        accuracies = results[CHAMPION]["accuracies"]
        _log_opening(project / "figures" / OPENINGS, accuracies, states[CHAMPION])
    return notebooks


def result_table(results, run):
    """Write the README's table of results.

    Parameters
    ----------
    results : dict of str to dict
        Each notebook's results, as in ``figures/results.json``.
    run : dict
        What made them, as in ``figures/run.json``.

    Returns
    -------
    str
        A Markdown table: notebook, what its headline is, the report's figure, this run's; and a
        sentence on what the run took.
    """
    lines = [
        "| notebook | headline | the report | this project |",
        "| --- | --- | ---: | ---: |",
    ]
    for name, found in results.items():
        if name in ledger.HEADLINES:
            known = ledger.HEADLINES[name]
            report = ledger.shown(name, known.report)
            here = ledger.shown(name, ledger.headline(name, found))
            link = f"[{name}](notebooks/{name}.ipynb)"
            lines.append(f"| {link} | {known.label} | {report} | {here} |")
    lines += [
        "",
        f"This run took {spoken(sum(run['seconds'].values()))} on {run['cores']} cores of "
        f"{run['cpu']}, and {run['peak_memory'] / 1e9:.1f} GB of memory.",
    ]
    return "\n".join(lines)


def _log_opening(path, accuracies, state):
    """Note that a champion was scored on the test tracks, unless that execution is noted."""
    lines = path.read_text(encoding="utf-8") if path.exists() else "date,commit,accuracy,what\n"
    if state["finished"] not in lines:
        accuracy = sum(accuracies) / len(accuracies)
        commit = state["commit"][:10] if state["commit"] else "uncommitted"
        line = f"{state['finished']},{commit},{accuracy:.4f},mean of {len(accuracies)} seeds\n"
        files.write_text(path, lines + line)


def _fill_readme(project, results, described):
    readme = project / "README.md"
    text = fill(readme, BEGIN, END, result_table(results, described))
    if (project / ledger.PLACE).exists():
        rows = ledger.read(project / ledger.PLACE)
        written = ledger.table(rows, results, project)
        text = fill(readme, LEDGER_BEGIN, LEDGER_END, written, text)
    return text


def _finished_state(run, notebook):
    """Read a notebook's state, if it was executed from the code that is here now."""
    name = notebook.stem
    state = run.read_state(name)
    made = [run.executed(name), run.results(name)]
    if "made_from" not in state or not all(path.exists() for path in made):
        raise Refusal(
            f"{run.folder} is not complete: {name} was not executed to its end. "
            "Start ./run_all.sh again."
        )
    for part, value in provenance.fingerprint_of_code(notebook, run.project).items():
        if state["made_from"].get(part) != value:
            raise Refusal(
                f"{name} was executed before its {part} changed: start ./run_all.sh again."
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
                    "start ./run_all.sh again."
                )


def _clean(run, notebook):
    """Give the notebook as it was written, with the outputs of the run and nothing else of it."""
    written = files.read_json(notebook)
    executed = files.read_json(run.executed(notebook.stem))
    data = executed["metadata"]["papermill"]["parameters"]["DATA"]
    paths = {str(path) for path in (run.folder, run.project, data, Path.home())} - {"/"}
    private = sorted(paths, key=len, reverse=True)  # of nested ones, the one meant
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
    for picture in target.iterdir():
        if picture.name.startswith(tuple(f"{name}-" for name in names)):
            picture.unlink()
    for name in names:
        for picture in sorted(source.glob(f"{name}-*")):
            with files.atomic(target / picture.name) as temporary:
                shutil.copyfile(picture, temporary)


def _describe_run(states, commit):
    """Say which code made the published run, when, on what machine, and what it took."""
    latest = max(states.values(), key=lambda state: state["finished"])
    return {
        "commit": commit,
        "date": latest["finished"],
        **latest["machine"],
        "data": latest["made_from"]["data"].split()[0],
        "seconds": {name: state["seconds"] for name, state in states.items()},
        "peak_memory": max(state["peak_memory"] for state in states.values()),
    }


def fill(readme, begin, end, text, old=None):
    """Give the README's text with another text between two marks.

    Parameters
    ----------
    readme : Path
        The file.
    begin, end : str
        The marks, which stay.
    text : str
        What is to stand between them.
    old : str, optional
        The text around, where it is no longer what the file has.

    Raises
    ------
    Refusal
        If the file lacks the marks.
    """
    if old is None:
        old = readme.read_text(encoding="utf-8") if readme.exists() else ""
    before, found_begin, rest = old.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise Refusal(f"{readme} has no {begin} and {end} for a table to stand in.")
    return f"{before}{begin}\n{text}\n{end}{after}"
