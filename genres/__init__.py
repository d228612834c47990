"""Recognising the genre of a piece of music: one module per question."""


class Refusal(ValueError):
    """An input that cannot be used, told in one sentence that says what to do about it."""
