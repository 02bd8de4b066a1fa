"""The names of reference rows and the words of verdicts, which everything that shows them takes."""

from typing import Literal

ORIGINAL = "original"
RANDOM = "random_weights"
ORACLE = "oracle"
NULL = "null"  # one more retrained model, judged as a method: how often is exactness missed?
UNLINKED = "utu"  # the method that does nothing but what the pipeline does anyway
REFERENCES = (ORIGINAL, RANDOM, ORACLE)  # rows that are not judged, in the order of every table
NOT_METHODS = (*REFERENCES, NULL)  # rows that nobody asks for: they take no part in a ranking

Word = Literal["differs", "like the oracle", "no power here", "inconclusive", ""]
DIFFERS: Word = "differs"
LIKE: Word = "like the oracle"
NO_POWER: Word = "no power here"
OPEN: Word = "inconclusive"
