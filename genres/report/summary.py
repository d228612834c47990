"""What did a run come to, and does it agree with the published one?"""

from contextlib import suppress

from genres import Refusal, files
from genres.report import ledger, site
from genres.report.ledger import HEADLINES, NONE, headline, shown
from genres.run import runs
from genres.screen import seen_from_here, spoken

# Figures come back from JSON, and other machines add in another order.
_ROUNDING = 1e-9


def conclude(outcome):
    """Say what a run came to, and write its web site and its ledger.

    Parameters
    ----------
    outcome : genres.run.runner.Outcome

    Returns
    -------
    int
        Exit status: 0, or 1 if a notebook failed.
    """
    run, results = outcome.run, outcome.results
    published = {}
    with suppress(Refusal):
        published = files.read_json(run.project / "figures" / "results.json")
    print(f"\n{comparison_table(outcome.notebooks, outcome.seconds, results, published)}\n")
    for failure in outcome.failures:
        print(failure)
    if outcome.seconds or not run.site.exists():
        _write_site(run, outcome.is_whole)
    if not outcome.failures and (run.project / ledger.PLACE).exists():
        print(_write_ledger(run, results))
    return 1 if outcome.failures else 0


def agreement(notebook, results, published):
    """Say whether a run agrees with the published one on a notebook's headline.

    Parameters
    ----------
    notebook : str
        The notebook's name, without suffix.
    results, published : dict or None
        What the notebook wrote in this run and in the published one.

    Returns
    -------
    str
        ``yes`` or ``no`` where the two can be compared, otherwise a dash and why they cannot.
    """
    figure, reference = headline(notebook, results), headline(notebook, published)
    if figure is None:
        return f"{NONE} (no figure)"
    if reference is None:
        return f"{NONE} (not published)"
    if results.get("quick"):
        return f"{NONE} (quick)"
    if results.get("data") != published.get("data"):
        return f"{NONE} (other data)"
    within = abs(figure - reference) <= HEADLINES[notebook].tolerance + _ROUNDING
    return "yes" if within else "no"


def comparison_table(notebooks, seconds, results, published):
    """Set a run's headlines beside those of the published run.

    Parameters
    ----------
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
    rows = [("notebook", "time", "headline", "", "published", "agrees")]
    for name in notebooks:
        if name not in results:
            rows.append((name, "failed", "", "", "", ""))
            continue
        mine, theirs = results[name], published.get(name)
        rows.append(
            (
                name,
                spoken(seconds[name]) if name in seconds else "kept",
                HEADLINES[name].label if name in HEADLINES else "",
                shown(name, headline(name, mine)),
                shown(name, headline(name, theirs)),
                agreement(name, mine, theirs),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _write_ledger(run, results):
    """Set the run's figures beside the reports' in ``ledger.md``; give a line that says so."""
    rows = ledger.read(run.project / ledger.PLACE)
    rough = " This is a rehearsal: its figures are rough." if run.quick else ""
    text = (
        "# Ledger: every figure of the five reports\n\n"
        f"Here is what this run found, on {run.data.name}.{rough} Why a figure differs is said of "
        "the published run. A cell's number is the one beside it in the executed notebook.\n\n"
        f"{ledger.table(rows, results, run.folder)}\n"
    )
    files.write_text(run.ledger, text)
    counts = ledger.summary(rows, results)
    return f"Ledger of the five reports, {seen_from_here(run.ledger)}: {counts}.{rough}"


def _write_site(run, is_whole):
    """Write the report's web site, and its PDF if it is whole: at worst, say that it failed."""
    try:
        print(site.write(runs.of_run(run.folder, run.project), run.project, pdf=is_whole))
    except Exception as error:  # whatever it is, the run is done, and its figures are kept
        print(f"The report's web site could not be written: {error}")
