"""The one error that a user can fix."""


class LesionError(Exception):
    """A mistake in what the user gave: shown without a traceback, exit code 2.

    The message is whole sentences: the file, key or line; what was expected; what was given;
    what to do about it.
    """
