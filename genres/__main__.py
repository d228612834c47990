"""What does a person do outside a notebook?"""

from genres import environment

if __name__ == "__main__":
    environment.start_clean("genres")  # before anything is imported that the user's own may hide

import argparse
import errno
import io
import os
import signal
import sys
from contextlib import suppress

from genres import Refusal, printable
from genres.project import PROJECT, RUNS, find_notebooks

EXAMPLES = """\
commands:
  ./run_all.sh                  set up, and run the report
  ./run_all.sh test             set up, and run the tests
  ./run_all.sh lab              set up, and open the notebooks in JupyterLab
  ./run_all.sh demo             set up, and open a page that shows genre over time
  ./run_all.sh report [RUN]     make a web site of a run (by default the newest), and a PDF
  ./run_all.sh handout          write the notebooks without outputs and answers, for students
  ./run_all.sh publish [RUN]    make a finished run (by default runs/course) the published one

examples:
  ./run_all.sh --quick                    a rehearsal: fewer models and epochs
  ./run_all.sh --data ~/gtzan             on the tables in a folder
  ./run_all.sh --data ~/music             on audio: its tables are made first
  ./run_all.sh --only 02 --only 03        two notebooks of it
  ./run_all.sh publish --only 02          one notebook of runs/course

more, with .venv/bin/python -m genres …:
  extract      make feature tables from a folder of audio
  data         list, find or download collections of music
  synth        make a clip of a synthetic genre
  classify     predict the genre of files, with a model that a run trained
  tags         tag files, with a network that was trained on 200,000 songs
"""


ONLY = dict(metavar="NN", action="append", default=[], help="only this notebook (repeatable)")
MODEL = dict(
    metavar="RUN", help="name or folder of the run that trained it, or the model's own folder"
)
DASK = dict(metavar="ADDRESS", help="scheduler of a cluster to work on")


class Parser(argparse.ArgumentParser):
    """A parser that says in one sentence what it does not understand, and guesses nothing.

    Among what it parses is `command`, the function that does what is asked for.
    """

    def __init__(self, command=None, **options):
        super().__init__(**options, allow_abbrev=False)
        if command:
            self.set_defaults(command=command)

    def error(self, message):
        """Print the message and end with status 2."""
        message = printable(message)
        self.exit(
            2, f"{message[0].upper()}{message[1:]}; ./run_all.sh --help lists what there is.\n"
        )


def build_parser():
    """Build the parser of all commands: each sets ``command``, the function that does it."""
    parser = Parser(prog="python -m genres", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only check the command line")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_commands_of_the_report(commands)
    _add_commands_on_music(commands)
    return parser


def _add_commands_of_the_report(commands):
    run = commands.add_parser(
        "run",
        command=_run,
        prog="./run_all.sh",
        help="execute the report's notebooks",
        description="Run the report: execute its notebooks in order, into runs/<name>/.\n"
        "Unchanged results of an earlier run are kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--data", metavar="FOLDER", help="folder of the data, or a name: course, synthetic"
    )
    run.add_argument("--name", help="name of the run (by default that of the data)")
    run.add_argument("--only", **ONLY)
    run.add_argument("--quick", action="store_true", help="rehearse: fewer models and epochs")
    run.add_argument("--fresh", action="store_true", help="execute unchanged notebooks, too")
    run.add_argument("--offline", action="store_true", help="download nothing")
    run.add_argument("--out", metavar="FOLDER", help="where the run's folder is, instead of runs/")
    run.add_argument("--dask", **DASK)

    publish = commands.add_parser(
        "publish",
        command=_publish,
        prog="./run_all.sh publish",
        help="make a finished run the published one",
        description="Put a finished full run's notebooks, pictures and figures into the project.",
    )
    publish.add_argument("folder", nargs="?", metavar="RUN", help="by default runs/course")
    publish.add_argument("--only", **ONLY)

    report = commands.add_parser(
        "report",
        command=_report,
        prog="./run_all.sh report",
        help="make a web site of a run",
        description="Write a run's whole report as a web site that needs no network, and as one "
        "PDF where Chromium or Chrome is installed, into the run's folder report/.",
    )
    report.add_argument(
        "wanted",
        nargs="?",
        metavar="RUN",
        help="its folder, or its name in runs/; 'published' is what the project publishes "
        "(by default the newest run, or else that)",
    )

    handout = commands.add_parser(
        "handout",
        command=_handout,
        prog="./run_all.sh handout",
        help="write the notebooks for students",
        description="Write the notebooks without outputs, and without the exercises' answers.",
    )
    handout.add_argument("--out", metavar="FOLDER", help="by default runs/handout")


def _add_commands_on_music(commands):
    demo = commands.add_parser(
        "demo",
        command=_demo,
        prog="./run_all.sh demo",
        help="open a page that shows the genre of your music over time",
        description="Serve a page, to this machine alone, that shows the genre of your music over "
        "time. It needs a model that notebook 11 trained; where there is none it offers to train a "
        "rough one.",
    )
    demo.add_argument("--port", type=_port, help="where to serve (by default any that is free)")
    demo.add_argument("--no-browser", action="store_false", dest="browser", help="open no browser")
    demo.add_argument("--model", **MODEL)

    extract = commands.add_parser(
        "extract",
        command=_extract,
        help="make feature tables from a folder of audio",
        description="Measure every clip of a folder <genre>/<clip>, or of a collection that "
        "'data list' names, and write the tables. Stopped and started again, it goes on.",
    )
    extract.add_argument("folder", metavar="AUDIO_FOLDER", help="where the clips are")
    extract.add_argument("--out", required=True, metavar="FOLDER", help="where the tables go")
    extract.add_argument(
        "--segments",
        type=int,
        nargs="+",
        metavar="S",
        help="lengths in s (by default 5, 10 and 30; of Kaggle's features 3 and 30)",
    )
    extract.add_argument(
        "--features",
        choices=("course", "kaggle"),
        default="course",
        help="the course's 63, or those of the Kaggle table of GTZAN",
    )
    extract.add_argument(
        "--seconds", type=int, default=30, metavar="S", help="how much of each clip (by default 30)"
    )
    extract.add_argument(
        "--missing",
        type=float,
        default=0.0,
        metavar="S",
        help="how much of that a clip may lack, filled with silence (by default 0)",
    )
    extract.add_argument("--mel", action="store_true", help="keep log-mel spectrograms too")
    extract.add_argument(
        "--tags", action="store_true", help="keep what the tagger musicnn says of each clip, too"
    )
    extract.add_argument("--workers", type=int, help="processes (by default one a core)")
    extract.add_argument("--dask", **DASK)
    extract.add_argument("--seed", type=int, default=0, help="chooses the clips to test on")

    data = commands.add_parser(
        "data", command=_data, help="list, find or download collections of music"
    )
    actions = data.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help="what there is, of which licence, and where")
    where = actions.add_parser("where", help="the folder of a collection")
    where.add_argument("name")
    fetch = actions.add_parser("fetch", help="download a collection")
    fetch.add_argument("name")
    fetch.add_argument("--folder", help="data folder to put it into (by default the project's)")

    synth = commands.add_parser(
        "synth",
        command=_synth,
        help="make a clip of a synthetic genre",
        description="Make a clip of a synthetic genre: the same seed makes the same clip.",
    )
    made = synth.add_mutually_exclusive_group(required=True)
    made.add_argument("--genre", help="one of the ten")
    made.add_argument(
        "--tables", metavar="FOLDER", help="make the built-in corpus's tables and taggrams anew"
    )
    synth.add_argument("--seconds", type=float, default=30.0)
    synth.add_argument("--seed", type=int, default=0)
    synth.add_argument("--kind", choices=("plain", "crossing", "switching"), default="plain")
    synth.add_argument("--out", metavar="FILE.wav", help="by default <genre>.wav")

    classify = commands.add_parser(
        "classify",
        command=_classify,
        help="predict the genre of files",
        description="Predict the genre of files of music, with a model that notebook 11 trained. "
        "Each is cut into windows of 30 s. What cannot be read, or lasts over an hour, is skipped.",
    )
    classify.add_argument("names", nargs="+", metavar="FILE", help="a file, or a folder of files")
    classify.add_argument("--model", **MODEL)
    classify.add_argument(
        "--timeline", action="store_true", help="the genre over time, drawn in text"
    )
    forms = classify.add_mutually_exclusive_group()
    for form, content in (("json", "a document"), ("csv", "a table, with a row for each file")):
        forms.add_argument(
            f"--{form}",
            dest="form",
            action="store_const",
            const=form,
            help=f"all probabilities, as {content}",
        )
    classify.add_argument(
        "--out",
        metavar="FILE",
        help="where to write that, or a picture of a timeline (.png, .svg)",
    )

    tags = commands.add_parser(
        "tags",
        command=_tags,
        help="tag files",
        description="Say which of fifty tags, such as jazz, guitar or sad, a network "
        "gives to files of music that was trained on 200,000 songs of the Million Song Dataset.",
    )
    tags.add_argument("names", nargs="+", metavar="FILE", help="a file, or a folder of files")
    tags.add_argument(
        "--json", dest="as_json", action="store_true", help="from second to second, as JSON"
    )


def main(arguments=None) -> int:
    """Do what the command line says.

    Returns
    -------
    int
        Exit status: 0; 1 where something failed; 2 where a request cannot be met; 128 and
        the signal's number where one ended it.
    """
    for stream in (sys.stdout, sys.stderr):  # which may be told names that they cannot write
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = vars(build_parser().parse_args(arguments))
    command, only_check = options.pop("command"), options.pop("check")
    try:
        if only_check:
            find_notebooks(PROJECT, options.get("only", ()))
            return 0
        status = command(**options) or 0
        _flush_output()
        return status
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads has enough, as `head` has
        with suppress(OSError):
            _flush_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        return _refuse(error)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # of it, pathlib makes one of links in a circle
            return _refuse(error.__context__)
        raise
    except KeyboardInterrupt as stopped:
        return 128 + (stopped.args[0] if stopped.args else 2)


def _refuse(error):
    """Say in a sentence what the operating system refused; give the exit status."""
    try:
        _flush_output()
    except OSError as of_output:
        error = of_output if error.filename is None else error
    path = "" if error.filename is None else printable(f"{error.filename}: ")
    # What exists where a folder is to be made is a file.
    number = errno.ENOTDIR if isinstance(error, FileExistsError) else error.errno
    is_known = number in errno.errorcode  # libraries have longer words for it
    why = os.strerror(number) if is_known else error.strerror or error
    print(f"{path}{why}.", file=sys.stderr)
    return 2


def _flush_output():
    """Flush standard output; what it does not take goes nowhere, when Python ends, too."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        error.filename = "standard output"
        raise


def _run(dask, **options):
    from genres import cluster
    from genres.report import ledger, summary
    from genres.run.runner import run_report

    if address := cluster.address_of(dask):
        cluster.require(address)
        os.environ[cluster.ADDRESS_VARIABLE] = address  # where the notebooks look for it
    rows = ledger.read(PROJECT / ledger.PLACE)  # if it is not sound, that is said before the run
    return summary.conclude(run_report(**options), rows)


def _publish(folder, only):
    from genres.report.publish import publish

    notebooks = publish(folder or RUNS / "course", only=only)
    names = ", ".join(notebook.stem for notebook in notebooks)
    print(f"Published: {names}. Look at git diff, then commit.")


def _port(text):
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError("a port is a number up to 65535")
    return int(text)


def _demo(port, browser, model):
    from genres.demo.server import serve

    return 128 + serve(port, model=model, browser=browser)


def _report(wanted):
    from genres.report import site
    from genres.run import runs

    print(site.write(runs.find(PROJECT, wanted), PROJECT))


def _handout(out):
    from genres.report.handout import write

    folder = out or RUNS / "handout"
    print(f"{len(write(PROJECT, folder))} files for students in {printable(folder)}")


def _extract(folder, out, segments, features, seconds, missing, mel, tags, workers, dask, seed):
    from genres.extraction.extract import Settings, extract

    segments = tuple(segments) if segments else None
    settings = Settings(features, segments, mel, seconds, missing, tags)
    outcome = extract(folder, out, settings, workers=workers, dask=dask, seed=seed)
    print(outcome.summary(out))


def _data(action, **options):
    from genres.data import catalogue

    actions = {"list": catalogue.listing, "where": catalogue.where, "fetch": catalogue.fetch}
    print(actions[action](**options))


def _synth(genre, tables, seconds, seed, kind, out):
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


def _classify(names, model, **options):
    from genres.demo.classify import classify

    return classify(names, model, **options)


def _tags(names, as_json):
    from genres.demo.tags import tag

    return tag(names, as_json=as_json)


if __name__ == "__main__":
    sys.exit(main())
