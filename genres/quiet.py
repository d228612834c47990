"""How is what a compiled library writes past Python kept off the screen?"""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_stderr():
    """Throw away all that this process writes to its standard error while the block runs."""
    with Path(os.devnull).open("wb") as nowhere:
        screen = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            os.close(screen)
