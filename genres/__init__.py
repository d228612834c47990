"""Recognising the genre of a piece of music: one room per question, one file per answer."""

from genres import environment


class Refusal(Exception):
    """An input that cannot be used, told in one sentence that says what to do about it."""


environment.clean_libraries()
