"""Options of a verb, whose errors are one line like all others."""

import argparse
from typing import NoReturn

from mu.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing its usage and ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong.

        Raises:
            UsageError: Always.
        """
        raise UsageError(message)
