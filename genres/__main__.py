"""What does a person do outside a notebook?"""

from genres import environment

if __name__ == "__main__":
    environment.start_clean("genres")  # before anything is imported that the user's own may hide

import errno
import io
import os
import signal
import sys
from contextlib import suppress

from genres import Refusal, options, printable
from genres.project import PROJECT, find_notebooks

_SIGPIPE = getattr(signal, "SIGPIPE", 13)  # which Windows lacks


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
    asked = vars(options.build_parser().parse_args(arguments))
    command, only_check = asked.pop("command"), asked.pop("check")
    try:
        if only_check:
            find_notebooks(PROJECT, asked.get("only", ()))
            return 0
        status = command(**asked) or 0
        _flush_output()
        return status
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads has enough, as `head` has
        with suppress(OSError):
            _flush_output()
        return 128 + _SIGPIPE
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


if __name__ == "__main__":
    sys.exit(main())
