"""What did a run come to, and does it agree with the published one?"""

from collections.abc import Sequence

from genres import files
from genres.report import ledger, site
from genres.report.ledger import NONE
from genres.run import runs
from genres.screen import seen_from_here, spoken


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
    lines: list[tuple[str, ...]] = [("notebook", "time", "headline", "", "published", "agrees")]
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
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _write_ledger(run, rows, results):
    """Set the run's figures beside the reports' in ``ledger.md``; give a line that says so."""
    rough = " This is a rehearsal: its figures are rough." if run.quick else ""
    introduction = (
        f"Here is what this run found, on {run.data.name}.{rough} The reasons why figures differ "
        "are those of the published run. A cell's number is the one beside it in the executed "
        "notebook."
    )
    files.write_text(run.ledger, ledger.page(introduction, rows, results, run.folder))
    counts = ledger.summary(rows, results)
    return f"Ledger of the five reports, {seen_from_here(run.ledger)}: {counts}.{rough}"


def _write_site(run, is_whole):
    """Write the report's web site, and its PDF if it is whole: at worst, say that it failed."""
    try:
        print(site.write(runs.of_run(run.folder, run.project), run.project, pdf=is_whole))
    except Exception as error:  # whatever it is, the run is done, and its figures are kept
        print(f"The report's web site could not be written: {error}")
