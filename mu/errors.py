"""The errors mu raises on purpose; everything else is a bug and keeps its traceback."""


class MuError(Exception):
    """Something the reader of the message can act on."""


class UsageError(MuError):
    """A wrong word, value, path or request: named in one line, exit code 2, nothing written."""


class NotApplicable(MuError):
    """A method cannot serve this request; the cell becomes a row with the reason."""


class StepFailed(MuError):
    """A step of the pipeline failed; cells that need it become rows with the reason."""
