"""What does a person do outside a notebook?"""

import argparse
import sys

from genres import Refusal

EXAMPLES = """\
commands:
  ./run_all.sh                  set up, and run the report
  ./run_all.sh test             set up, and run the tests
  ./run_all.sh lab              set up, and open the notebooks in JupyterLab
  ./run_all.sh publish [RUN]    make a finished run (by default runs/course) the published one

examples:
  ./run_all.sh --quick                    a rehearsal: fewer models and epochs
  ./run_all.sh --data ~/gtzan             on the tables in a folder
  ./run_all.sh --only 02 --only 03        two notebooks of it
"""


class Parser(argparse.ArgumentParser):
    """A parser that says in one sentence what it does not understand."""

    def error(self, message):
        """Print the message and end with status 2."""
        self.exit(
            2, f"{message[0].upper()}{message[1:]}; ./run_all.sh --help lists what there is.\n"
        )


def build_parser():
    """Build the parser of all commands: each sets ``command``, the function that does it."""
    parser = Parser(prog="python -m genres", description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="only check the command line")
    commands = parser.add_subparsers(required=True, metavar="command", parser_class=Parser)

    run = commands.add_parser(
        "run",
        prog="./run_all.sh",
        help="execute the report's notebooks",
        description="Run the report: execute its notebooks in order, into runs/<name>/.\n"
        "What still holds of an earlier run is kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument(
        "--data", metavar="FOLDER", help="folder of the data, or a name: course, synthetic"
    )
    run.add_argument("--name", help="name of the run (by default that of the data)")
    run.add_argument(
        "--only", metavar="NN", action="append", default=[], help="only this notebook (repeatable)"
    )
    run.add_argument("--quick", action="store_true", help="rehearse: fewer models and epochs")
    run.add_argument("--fresh", action="store_true", help="execute also what still holds")
    run.add_argument("--offline", action="store_true", help="download nothing")
    run.add_argument("--out", metavar="FOLDER", help="where the run's folder is, instead of runs/")
    run.set_defaults(command=_run)

    publish = commands.add_parser(
        "publish",
        prog="./run_all.sh publish",
        help="make a finished run the published one",
        description="Put a finished full run's notebooks, pictures and figures into the project.",
        allow_abbrev=False,
    )
    publish.add_argument("folder", nargs="?", metavar="RUN", help="by default runs/course")
    publish.set_defaults(command=_publish)
    return parser


def main(arguments=None):
    """Do what the command line says.

    Returns
    -------
    int
        Exit status: 0; 1 where something failed; 2 where something asked for cannot be; 128 and
        the signal's number where one ended it.
    """
    options = vars(build_parser().parse_args(arguments))
    command, only_check = options.pop("command"), options.pop("check")
    if only_check:
        return 0
    try:
        return command(**options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        return 128 + (stopped.args[0] if stopped.args else 2)


def _run(**options):
    from genres.runner import run_report

    return run_report(**options)


def _publish(folder):
    from genres.publish import publish
    from genres.runner import PROJECT

    notebooks = publish(folder or PROJECT / "runs" / "course")
    print(f"{len(notebooks)} notebooks published; look at git diff, then commit.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
