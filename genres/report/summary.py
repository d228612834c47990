"""What did a run come to, and does it agree with the published one?"""

import shlex
import textwrap
from collections.abc import Sequence

from genres import files
from genres.project import COMMAND
from genres.report import ledger, site
from genres.report.ledger import NONE
from genres.run import runs
from genres.screen import seen_from_here, spoken

_WIDTH = 100  # columns of the table at its end
_HEADLINE = 2  # the column that gives way
_NARROWEST = 20
_GAP = "  "


def conclude(outcome, rows) -> int:
    """Say what a run came to, and write its web site and its ledger.

    Parameters
    ----------
    outcome : genres.run.runner.Outcome
    rows : list of genres.report.ledger.Row

    Returns
    -------
    int
        Exit status: 0, or 1 if a notebook failed.
    """
    run, results = outcome.run, outcome.results
    published = runs.read_if_sound(run.project / "figures" / "results.json")
    table = comparison_table(rows, outcome.notebooks, outcome.seconds, results, published)
    print(f"\n{table}\n")
    for failure in outcome.failures:
        print(failure)
    if outcome.seconds or outcome.failures or not run.site.exists():
        _write_site(run, outcome.is_whole)
    if not outcome.failures:
        print(_write_ledger(run, rows, results))
    print(f"\n{next_steps(run)}")
    return 1 if outcome.failures else 0


def agreement(row, results: dict | None, published: dict | None) -> str:
    """Say whether a run agrees with the published one on a notebook's headline.

    Parameters
    ----------
    row : genres.report.ledger.Row or None
        The headline; None where the notebook has none.
    results, published : dict or None
        What the notebook wrote in this run and in the published one.

    Returns
    -------
    str
        ``yes`` or ``no`` where the two can be compared, otherwise a dash and why they cannot.
    """
    figure, reference = (row and ledger.figure(row, found) for found in (results, published))
    if results is None or figure is None:
        return f"{NONE} (no figure)"
    if published is None or reference is None:
        return f"{NONE} (not published)"
    if results.get("quick"):
        return f"{NONE} (quick)"
    if results.get("data") != published.get("data"):
        return f"{NONE} (other data)"
    # Figures come back from JSON, and other machines add in another order: 1e-9 is for rounding.
    agrees = abs(figure - reference) <= ledger.number(row.tolerance) + 1e-9
    return "yes" if agrees else "no"


def comparison_table(
    rows,
    notebooks: Sequence[str],
    seconds: dict[str, float],
    results: dict[str, dict],
    published: dict[str, dict],
) -> str:
    """Set a run's headlines beside those of the published run.

    Parameters
    ----------
    rows : list of genres.report.ledger.Row
    notebooks : sequence of str
        Names of the notebooks of the table's rows.
    seconds : dict of str to float
        What each executed notebook took; the others were kept.
    results, published : dict of str to dict
        Results of this run's notebooks and of the published run's. A notebook without results in
        this run has failed.

    Returns
    -------
    str
        A table for a terminal.
    """
    headlines = ledger.headlines(rows)
    lines: list[tuple[str, ...]] = [("notebook", "time", "headline", "here", "published", "agrees")]
    for name in notebooks:
        if name not in results:
            lines.append((name, "failed", "", "", "", ""))
            continue
        row, mine, theirs = headlines.get(name), results[name], published.get(name)
        took = spoken(seconds[name]) if name in seconds else "kept"
        figures = [ledger.headline(row, found)[1] if row else NONE for found in (mine, theirs)]
        label = row.headline if row else ""
        lines.append((name, took, label, *figures, agreement(row, mine, theirs)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    others = sum(widths) - widths[_HEADLINE] + len(_GAP) * (len(widths) - 1)
    widths[_HEADLINE] = min(widths[_HEADLINE], max(_WIDTH - others, _NARROWEST))
    folded = [row for line in lines for row in _fold(line, widths[_HEADLINE])]
    return "\n".join(_GAP.join(map(str.ljust, row, widths)).rstrip() for row in folded)


def _fold(line, width):
    """Give a line of a table as rows in which the headline is no wider than said."""
    first, *more = textwrap.wrap(line[_HEADLINE], width) or [""]
    yield (*line[:_HEADLINE], first, *line[_HEADLINE + 1 :])
    for part in more:
        yield ("",) * _HEADLINE + (part,) + ("",) * (len(line) - _HEADLINE - 1)


def time_table(made: dict[str, dict]) -> str:
    """Say what each notebook of a published run took.

    Parameters
    ----------
    made : dict of str to dict
        What made each notebook, as in ``figures/run.json``.

    Returns
    -------
    str
        A Markdown table: notebook; minutes; minutes of all cores together; the one by the other,
        which is how many cores it used; most memory; and a row for all notebooks.
    """
    lines = ["| notebook | min | min of all cores | cores used | memory |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    rows = dict(made)
    if all(one.get("cpu_seconds") is not None for one in made.values()):
        rows["all"] = {
            "seconds": runs.time_taken(made.values()),
            "cpu_seconds": sum(one["cpu_seconds"] for one in made.values()),
            "peak_memory": max(one["peak_memory"] for one in made.values()),
        }
    for name, one in rows.items():
        seconds, cpu = one["seconds"], one.get("cpu_seconds")
        used = [NONE, NONE] if cpu is None else [f"{cpu / 60:.1f}", f"{cpu / seconds:.1f}"]
        figures = [f"{seconds / 60:.1f}", *used, f"{one['peak_memory'] / 1e9:.1f} GB"]
        lines.append(f"| {' | '.join([name, *figures])} |")
    return "\n".join(lines)


def next_steps(run) -> str:
    """Name the commands that go on from a run, one a line."""
    is_at_home = run.folder.parent == run.project / "runs"
    place = run.folder.name if is_at_home else shlex.quote(str(run.folder))
    model = "" if is_at_home else f" --model {place}"
    steps = [(f"report {place}", "this run as a web site, and as a PDF")]
    if run.champion.exists():
        steps += [
            (f"demo{model}", "a page that shows the genre of your music over time"),
            (f"classify{model} FILE", "the genre of a file of yours"),
        ]
    else:
        steps.append(("run --only 11", "trains the model that demo and classify need"))
    steps.append(("lab", "the notebooks, to change and to rerun"))
    width = max(len(words) for words, _ in steps)
    lines = [f"  {COMMAND} {words.ljust(width)}  {what}" for words, what in steps]
    return "\n".join(["What you can do next:", *lines])


def _write_ledger(run, rows, results):
    """Set the run's figures beside the reports' in ``ledger.md``; give a line that says so."""
    rough = " This is a rehearsal: its figures are rough." if run.quick else ""
    introduction = (
        f"Here is what this run found, on {run.data.name}.{rough} The reasons why figures differ "
        "are those of the published run. A cell's number is the one beside it in the executed "
        f"notebook. {ledger.EXPLAINED}"
    )
    files.write_text(run.ledger, ledger.page(introduction, rows, results, run.folder))
    counts = ledger.summary(rows, results)
    return f"The ledger of the five reports: {seen_from_here(run.ledger)}\n  {counts}.{rough}"


def _write_site(run, is_whole):
    """Write the report's web site, and its PDF if it is whole: at worst, say that it failed."""
    try:
        print(site.write(runs.of_run(run.folder, run.project), run.project, pdf=is_whole))
    except Exception as error:  # whatever it is, the run is done, and its figures are kept
        print(f"The report's web site could not be written: {error}")
