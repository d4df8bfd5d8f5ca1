"""Interrupted: a person stopped the work; carries what was kept, for the last line on the screen."""


class Interrupted(Exception):
    """Ctrl-C or SIGTERM while a run folder was being filled. Its text says what is kept there."""
