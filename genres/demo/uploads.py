"""Where do files lie while they come, wait and are described, and who removes them?"""

import os
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

from genres import Refusal, locks

_PREFIX = "genre-demo-"
# By its descriptor a folder is the same still when another user's has come to have its name.
_HAS_DESCRIPTORS = os.open in os.supports_dir_fd


class Uploads:
    """A folder for files in flight, which is removed in the end and, if it was taken, made anew.

    As a context manager it makes the folder, and removes those that killed servers left behind.

    Raises
    ------
    Refusal
        If there is no place for such a folder.
    """

    def __enter__(self):
        with ExitStack() as stack:
            try:
                self._make(stack)
            except OSError as error:
                where = f" in {Path(error.filename).parent}" if error.filename else ""
                raise Refusal(
                    f"The demo cannot keep files{where}: {error.strerror}. TMPDIR may name another "
                    "folder."
                ) from error
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def open_new(self):
        """Open a new file; give its path and itself.

        Raises
        ------
        OSError
            If there is no place for it.
        """
        try:
            return self._open_new()
        except FileNotFoundError:  # what tidies such places has taken the folder
            self._make(self._stack)
            return self._open_new()

    def _make(self, stack):
        self.folder = stack.enter_context(locks.folder_in(tempfile.gettempdir(), _PREFIX))
        self._descriptor = None
        if _HAS_DESCRIPTORS:
            self._descriptor = os.open(self.folder, os.O_DIRECTORY)
            stack.callback(os.close, self._descriptor)

    def _open_new(self):
        name = secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        place = name if _HAS_DESCRIPTORS else self.folder / name
        descriptor = os.open(place, flags, 0o600, dir_fd=self._descriptor)
        return self.folder / name, os.fdopen(descriptor, "wb")
