"""The names of reference rows and the words of verdicts, which everything that shows them takes."""

from typing import Literal

ORIGINAL = "original"
RANDOM = "random_weights"
ORACLE = "oracle"
NULL = "null"  # one more retrained model, judged like a method: how often a perfect one is blamed
UNLINKED = "utu"  # the method on graphs that does nothing but what the pipeline does anyway
REFERENCES = (ORIGINAL, RANDOM, ORACLE)  # rows that are not judged, in the order of every table
NOT_METHODS = (*REFERENCES, NULL)

Word = Literal[
    "differs", "differs, within the margin", "like the oracle", "no power", "inconclusive", ""
]
DIFFERS: Word = "differs"
INSIDE: Word = "differs, within the margin"
LIKE: Word = "like the oracle"
NO_POWER: Word = "no power"
OPEN: Word = "inconclusive"
