"""The command ``genres``, which is what ``python -m genres`` is.

It is a module of its own, which no other imports: whoever imported it would depend on all of the
library, and so would every notebook.
"""

from genres import environment


def main():
    """Start the command line in a clean environment; give its exit status."""
    environment.start_clean("genres")
    from genres.__main__ import main

    return main()
