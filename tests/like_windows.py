"""Hides from this project's code what Windows lacks, in the process that imports this module.

Libraries see the system as it is: on Windows they have their own ways.
"""

import builtins
import os
import signal
import socket
from types import ModuleType

MODULES = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
LACKING = {
    os: (
        *("O_DIRECTORY", "O_NOFOLLOW", "chown", "fork", "forkpty", "getegid", "geteuid", "getgid"),
        *("getloadavg", "getpgid", "getuid", "killpg", "mkfifo", "nice", "sched_getaffinity"),
        *("setpgid", "setsid", "statvfs", "sysconf", "uname", "wait"),
    ),
    signal: (
        *("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2"),
        *("alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait"),
    ),
    socket: ("AF_UNIX",),
}
ANOTHER = {os: {"name": "nt", "supports_dir_fd": set()}}


class Lacking(ModuleType):
    """A module without some of its names, and with other values of some."""

    def __init__(self, module):
        super().__init__(module.__name__)
        self.__real, self.__lacking = module, LACKING[module]
        self.__dict__.update(ANOTHER.get(module, {}))

    def __getattr__(self, name):
        if name in self.__lacking:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self.__real, name)


SHOWN = {module.__name__: Lacking(module) for module in LACKING}


def import_for(name, in_globals=None, *arguments, real=builtins.__import__, **options):
    importer = (in_globals or {}).get("__name__", "")
    if importer.partition(".")[0] in ("genres", "utils", "__main__"):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if (top := name.partition(".")[0]) in SHOWN:
            return SHOWN[top]
    return real(name, in_globals, *arguments, **options)


builtins.__import__ = import_for
