"""The errors mu raises on purpose; everything else is a bug and keeps its traceback."""


class MuError(Exception):
    """Something the reader of the message can act on."""


class UsageError(MuError):
    """A wrong word, value, path or request: named in one line, exit code 2, nothing written."""


class CellFailed(MuError):
    """A cell cannot be finished: it becomes a row with this reason and the grid goes on."""


class NotApplicable(CellFailed):
    """A method cannot serve this request."""


class StepFailed(CellFailed):
    """A step of the pipeline failed."""
