"""Where do files lie while they come, wait and are described, and who removes them?"""

import fcntl
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from genres import Refusal

_PREFIX = f"genre-demo-{os.getuid()}-"


class Uploads:
    """A folder for files in flight, which is removed in the end and, if it was taken, made anew.

    As a context manager it makes the folder, and removes those that killed servers left behind.

    Raises
    ------
    Refusal
        If there is no place for such a folder.
    """

    def __enter__(self):
        with suppress(OSError):
            for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
                _remove_unless_in_use(old)
        try:
            self._make()
        except OSError as error:
            where = f" in {Path(error.filename).parent}" if error.filename else ""
            raise Refusal(
                f"The demo cannot keep files{where}: {error.strerror}. TMPDIR may name another "
                "folder."
            ) from error
        return self

    def __exit__(self, *_):
        os.close(self._descriptor)
        shutil.rmtree(self.folder, ignore_errors=True)

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
            taken = self._descriptor
            self._make()
            os.close(taken)
            return self._open_new()

    def _make(self):
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # By descriptor: another user's folder may come to have the name of one that was taken.
        self._descriptor = os.open(self.folder, os.O_DIRECTORY)
        with suppress(OSError):  # where nothing can be locked, nobody removes it either
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def _open_new(self):
        name = secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(name, flags, 0o600, dir_fd=self._descriptor)
        return self.folder / name, os.fdopen(descriptor, "wb")


def _remove_unless_in_use(folder):
    with suppress(OSError):
        if folder.lstat().st_uid == os.getuid():
            descriptor = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)
