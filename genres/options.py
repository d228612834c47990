"""What can a person type on the command line?"""

import argparse

from genres import commands, printable
from genres.project import COMMAND

EXAMPLES = f"""\
in the project's folder:
  {COMMAND} run                          the report, on the data that are found
  {COMMAND} run --quick                  a rehearsal: fewer models and epochs
  {COMMAND} run --data ~/gtzan           on the tables in a folder
  {COMMAND} run --data ~/music           on audio: its tables are made first
  {COMMAND} run --only 02 --only 03      two notebooks of it
  {COMMAND} publish --only 02            one notebook of runs/course
  {COMMAND} evaluate examples/svm.py     a classifier of your own
  {COMMAND} audit ~/music                a collection of your own
  {COMMAND} COMMAND --help               what a command understands

./run_all.sh, on Linux and macOS, takes the same commands: it makes the environment first.
Without a command it is {COMMAND} run.
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
        self.exit(2, f"{message[0].upper()}{message[1:]}; {COMMAND} --help lists what there is.\n")


def build_parser():
    """Build the parser of all commands: each sets ``command``, the function that does it."""
    parser = Parser(
        prog="genres",
        description="Music Genre Classification: From k-NN to RNNs, a report that runs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only check the command line")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    _add_commands_of_the_report(subparsers)
    _add_commands_on_music(subparsers)
    return parser


def _add_commands_of_the_report(subparsers):
    run = subparsers.add_parser(
        "run",
        command=commands.run,
        help="execute the report's notebooks",
        description="Run the report: execute its notebooks, into runs/<name>/, side by side where "
        "they do not need each other's models. "
        "Unchanged results of an earlier run are kept.",
    )
    run.add_argument(
        "--data", metavar="FOLDER", help="folder of the data, or a name: course, synthetic"
    )
    run.add_argument("--name", help="name of the run (by default that of the data)")
    run.add_argument("--only", **ONLY)
    run.add_argument("--quick", action="store_true", help="rehearse: fewer models and epochs")
    run.add_argument("--fresh", action="store_true", help="execute unchanged notebooks, too")
    run.add_argument("--offline", action="store_true", help="download nothing")
    run.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="notebooks at the same time (by default as many as cores and memory allow)",
    )
    run.add_argument("--out", metavar="FOLDER", help="where the run's folder is, instead of runs/")
    run.add_argument("--dask", **DASK)

    publish = subparsers.add_parser(
        "publish",
        command=commands.publish,
        help="make a finished run the published one",
        description="Put a finished full run's notebooks, pictures and figures into the project.",
    )
    publish.add_argument("folder", nargs="?", metavar="RUN", help="by default runs/course")
    publish.add_argument("--only", **ONLY)
    publish.add_argument(
        "--leaderboard",
        action="store_true",
        help="only put the leaderboard beside the run, with its pages, into figures/evaluations/",
    )
    publish.add_argument(
        "--links",
        action="store_true",
        help="only write badges for Colab and Binder into README.md and docs/BROWSER.md, from the "
        "repository that pyproject.toml names",
    )

    report = subparsers.add_parser(
        "report",
        command=commands.report,
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

    _add_evaluate(subparsers)
    _add_audit(subparsers)

    handout = subparsers.add_parser(
        "handout",
        command=commands.handout,
        help="write the notebooks for students",
        description="Write the notebooks without outputs, and without the exercises' answers.",
    )
    handout.add_argument("--out", metavar="FOLDER", help="by default runs/handout")

    lab = subparsers.add_parser(
        "lab",
        command=commands.lab,
        help="open the notebooks in JupyterLab",
        description="Open copies of the notebooks in JupyterLab, in my-notebooks/: change and "
        "rerun them as you like. Changed copies stay; when the project changes a notebook, the new "
        "one is put beside yours.",
    )
    lab.add_argument("--in-place", action="store_true", help="open the notebooks themselves")
    lab.add_argument("--port", type=_port, help="where to serve (by default one that is free)")
    lab.add_argument("--no-browser", action="store_false", dest="browser", help="open no browser")
    lab.add_argument(
        "options",
        type=_option,
        nargs="*",
        metavar="OPTION",
        help="after --, JupyterLab's own options",
    )

    # What follows is pytest's, --help too: nothing but a null character would begin an option.
    test = subparsers.add_parser(
        "test", command=commands.test, help="run the tests", prefix_chars="\0", add_help=False
    )
    test.add_argument("options", nargs=argparse.REMAINDER)


def _add_evaluate(subparsers):
    evaluate = subparsers.add_parser(
        "evaluate",
        command=commands.evaluate,
        help="judge a classifier of your own",
        description="Judge a classifier of your own by every protocol of the report, beside the "
        "report's models. MODEL.py defines 'model'; examples/ has some to start from. It is run "
        "with your rights: docs/OWN-CLASSIFIER.md says what that means.",
    )
    evaluate.add_argument("path", nargs="?", metavar="MODEL.py", help="a file that defines 'model'")
    evaluate.add_argument(
        "--class",
        dest="of_class",
        metavar="FOLDER",
        help="judge all of a class: <name>.py and <name>/model.py in a folder",
    )
    evaluate.add_argument(
        "--data", metavar="FOLDER", help="folder of the data, or a name: course, synthetic"
    )
    evaluate.add_argument(
        "--protocol",
        dest="only",
        metavar="NAME",
        action="append",
        default=[],
        help="only this one (repeatable): course, artists, fault-filtered, random, "
        "segments-shuffled, segments-together",
    )
    evaluate.add_argument("--name", help="name of the model (by default that of its file)")
    evaluate.add_argument(
        "--timeout", type=float, default=300.0, metavar="S", help="seconds that a fold may take"
    )
    evaluate.add_argument(
        "--fresh", action="store_true", help="judge unchanged models of a class again, too"
    )
    evaluate.add_argument("--workers", type=int, help="processes (by default one a core)")
    evaluate.add_argument(
        "--references",
        dest="train_references",
        action="store_true",
        help="train the report's networks and champion, too, where no run has kept what they "
        "predict",
    )
    evaluate.add_argument("--out", metavar="FOLDER", help="where runs are, instead of runs/")


def _add_audit(subparsers):
    audit = subparsers.add_parser(
        "audit",
        command=commands.audit,
        help="look for the faults of a collection of your own",
        description="Look for the faults of a collection: copies, artists on both sides of a "
        "split, doubtful labels, shortcuts and defects. Written are a page, tables, and folds "
        "without copies and with each artist in one. Stopped and started again, it goes on.",
    )
    audit.add_argument(
        "place",
        metavar="PLACE",
        help="a folder with one of audio for each genre, a data folder, a feature table, or a name "
        "from 'data list'",
    )
    audit.add_argument(
        "--pattern", metavar="P", help="how files are named, such as '{artist} - {title}'"
    )
    audit.add_argument("--artists", metavar="CSV", help="a table with the columns file and artist")
    audit.add_argument(
        "--split",
        metavar="FILE",
        help="a table with the columns file and type, Train or Test; 'course' for what the "
        "collection itself says (the default, where it does); 'none'",
    )
    audit.add_argument("--out", metavar="FOLDER", help="where it goes, instead of runs/NAME/audit/")
    audit.add_argument("--workers", type=int, help="processes (by default one a core)")
    audit.add_argument(
        "--fresh", action="store_true", help="measure again what an earlier audit kept, too"
    )


def _add_commands_on_music(subparsers):
    demo = subparsers.add_parser(
        "demo",
        command=commands.demo,
        help="open a page that shows the genre of your music over time",
        description="Serve a page, to this machine alone, that shows the genre of your music over "
        "time. It needs a model that notebook 11 or 13 trained; where there is none it offers to "
        "train a rough one.",
    )
    demo.add_argument("--port", type=_port, help="where to serve (by default any that is free)")
    demo.add_argument("--no-browser", action="store_false", dest="browser", help="open no browser")
    demo.add_argument("--model", **MODEL)

    extract = subparsers.add_parser(
        "extract",
        command=commands.extract,
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

    data = subparsers.add_parser(
        "data", command=commands.data, help="list, find or download collections of music"
    )
    actions = data.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", help="what there is, of which licence, and where")
    where = actions.add_parser("where", help="the folder of a collection")
    where.add_argument("name", help="a name from 'data list'")
    fetch = actions.add_parser("fetch", help="download a collection")
    fetch.add_argument("name", help="a name from 'data list'")
    fetch.add_argument("--folder", help="data folder to put it into (by default the project's)")

    synth = subparsers.add_parser(
        "synth",
        command=commands.synth,
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

    classify = subparsers.add_parser(
        "classify",
        command=commands.classify,
        help="predict the genre of files",
        description="Predict the genre of files of music, with a model that notebook 11 or 13 "
        "trained. Each is cut into windows of 30 s. What cannot be read, or lasts over an hour, is "
        "skipped.",
    )
    classify.add_argument("names", nargs="+", metavar="FILE", help="a file, or a folder of files")
    classify.add_argument("--model", **MODEL)
    classify.add_argument(
        "--timeline", action="store_true", help="the genre over time, drawn in text"
    )
    forms = classify.add_mutually_exclusive_group()
    for form, content in (("json", "JSON"), ("csv", "a table with a row for each file")):
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
        help="where to write these, or a picture of a timeline (.png, .svg)",
    )

    tags = subparsers.add_parser(
        "tags",
        command=commands.tags,
        help="tag files",
        description="Tag files of music with fifty tags, such as jazz, guitar or sad, by a network "
        "that was trained on 200,000 songs of the Million Song Dataset.",
    )
    tags.add_argument("names", nargs="+", metavar="FILE", help="a file, or a folder of files")
    tags.add_argument(
        "--json", dest="as_json", action="store_true", help="from second to second, as JSON"
    )


def _option(text):
    if not text.startswith("-"):
        raise argparse.ArgumentTypeError(f"{text} is no option of JupyterLab's")
    return text


def _jobs(text):
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError("a number of notebooks is 1 or more")
    return int(text)


def _port(text):
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError("a port is a number up to 65535")
    return int(text)
