"""What does each command do?

Each is a function of the options that ``genres/options.py`` parses. It imports what it needs when
it is called, so that help, and a wrong option, need no library.
"""

import os

from genres import environment, printable
from genres.project import PROJECT, RUNS


def run(dask, **options):
    """Execute the report's notebooks, and say what came out."""
    from genres import cluster
    from genres.report import ledger, summary
    from genres.run.runner import run_report

    if address := cluster.address_of(dask):
        cluster.require(address)
        os.environ[cluster.ADDRESS_VARIABLE] = address  # where the notebooks look for it
    rows = ledger.read(PROJECT / ledger.PLACE)  # if it is not sound, that is said before the run
    return summary.conclude(run_report(**options), rows)


def publish(folder, only, links, leaderboard):
    """Make a finished run the published one, or its leaderboard, or only write links."""
    from genres.report import publish as publishing

    if links:
        address = publishing.write_badges()
        said = f"the badges lead to {address}" if address else "without a repository, no badges"
        print(f"README.md and docs/BROWSER.md: {said}.")
        return
    folder = folder or RUNS / "course"
    if leaderboard:
        written = publishing.publish_leaderboard(folder)
        print(f"Published: {len(written)} files in {printable(written[0].parent)}.")
        return
    notebooks = publishing.publish(folder, only=only)
    names = ", ".join(notebook.stem for notebook in notebooks)
    print(f"Published: {names}. Look at git diff, then commit.")


def test(options):
    """Run the tests, with options of pytest's."""
    python = [environment.PYTHON[0], "-m", "pytest", *options]
    os.chdir(PROJECT)
    environment.become(python, environment.cleaned(os.environ))


def demo(port, browser, model):
    """Serve the page that shows genre over time, until a signal ends it."""
    from genres.demo.server import serve

    return 128 + serve(port, model=model, browser=browser)


def lab(port, browser, in_place, options):
    """Open the notebooks in JupyterLab, until it is ended."""
    from genres.run import workbench

    workbench.serve(PROJECT, port, browser, in_place, options)


def report(wanted):
    """Write a run's web site."""
    from genres.report import site
    from genres.run import runs

    print(site.write(runs.find(PROJECT, wanted), PROJECT))


def handout(out):
    """Write the notebooks for students."""
    from genres.report import handout as handouts

    folder = out or RUNS / "handout"
    print(f"{len(handouts.write(PROJECT, folder))} files for students in {printable(folder)}")


def evaluate(path, **options):
    """Judge somebody's own model, or those of a class, by every protocol."""
    from genres.judge.handins import evaluate as judge

    return judge(path, **options)


def audit(place, **options):
    """Look for the faults of a collection, and say what was found and where it is kept."""
    from genres.audit import audit as auditing
    from genres.audit import page
    from genres.screen import seen_from_here

    found = auditing.audit(place, **options)
    written = found.save()
    print(f"{page.as_text(found)}\n\nPage: {seen_from_here(written)}")


def extract(folder, out, segments, features, seconds, missing, mel, tags, workers, dask, seed):
    """Make feature tables from a folder of audio."""
    from genres.extraction import extract as extraction

    settings = extraction.Settings(
        features, segments and tuple(segments), mel, seconds, missing, tags
    )
    outcome = extraction.extract(folder, out, settings, workers=workers, dask=dask, seed=seed)
    print(outcome.summary(out))


def data(action, **options):
    """List, find or download collections."""
    from genres.data import catalogue

    actions = {"list": catalogue.listing, "where": catalogue.where, "fetch": catalogue.fetch}
    print(actions[action](**options))


def synth(genre, tables, seconds, seed, kind, out):
    """Make a clip of a synthetic genre, or the built-in corpus's tables."""
    from genres.synth import builtin, corpus

    if tables:
        print("\n".join(map(printable, builtin.write_tables(tables))))
        return
    out = out or f"{genre}.wav"
    corpus.require_wav(out)
    clip = corpus.render(genre, seed, seconds, kind)
    corpus.write_wav(clip, out)
    parts = ", ".join(f"{name} from {start:.1f} s" for start, name in clip.timeline)
    print(f"{printable(out)}: synthetic {kind} clip of {seconds:g} s, {parts}")


def classify(names, model, **options):
    """Predict the genre of files."""
    from genres.demo import classify as classifying

    return classifying.classify(names, model, **options)


def tags(names, as_json):
    """Tag files."""
    from genres.demo.tags import tag

    return tag(names, as_json=as_json)
