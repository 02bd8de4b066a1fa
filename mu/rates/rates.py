"""How often each verdict falls: rows judged by many random groups of a few of their pairs.

The pairs of a long run stand for all pairs there could be: a group of n of them is what somebody
sees who runs n. A rate has two errors. That of the draws falls with their number; that of the pairs
does not, for all groups come from the same N: it is found by leaving out one pair after another.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mu.errors import UsageError
from mu.rates.groups import Flags, Floats, Groups
from mu.rates.row import WORDS, CalibratedRow, Codes
from mu.results.evidence import Group, evidence_tables
from mu.results.judgement import judge
from mu.results.results import Results, agreed_panel
from mu.results.words import ORACLE, ORIGINAL, RANDOM, Word

PAIRS = (3, 5, 10)
DRAWS = 2000
FEWEST_GROUPS = 2  # groups of n that fit side by side into the pairs: else all are nearly the same
Shares = Mapping[Word, float]


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often each word falls among groups.

    Attributes:
        shares: Of the groups.
        drawing: Standard errors by the draws; 0 where all groups were judged.
        error: Standard errors by the draws and by the pairs.
    """

    shares: Shares
    drawing: Shares
    error: Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often each word falls on one row, or on one of its scores, with n pairs.

    Attributes:
        block, request, step, data, model, method: The row.
        kind: What is forgotten: ``class`` (whole ones), samples, edges, …
        score, title: The score, both empty for the verdict on the row.
        n: Pairs of a group.
        pairs: Pairs that groups are drawn from.
        draws: How many groups.
        words: The frequencies; of a score Holm-adjusted over those of the row.
        raw: Those of a score by itself, without the correction; None for the row.
    """

    block: int
    request: str
    step: int
    data: str
    model: str
    method: str
    kind: str
    score: str = ""
    title: str = ""
    n: int
    pairs: int
    draws: int
    words: Frequency
    raw: Frequency | None = None

    def plain(self) -> dict[str, Any]:
        """The rate as it is written."""
        return asdict(self)


def rates(
    results: Results, pairs: Sequence[int] = PAIRS, draws: int = DRAWS, seed: int = 0
) -> list[Rate]:
    """Rates of every row but those of oracles and of random weights.

    Args:
        results: With cards; a request with N finished pairs is judged by groups of n ≤ N/2.
        pairs: Sizes of groups.
        draws: Random groups of each size; all there are where they are fewer.
        seed: Of the draws: rows with the same pairs are judged by the same groups.

    Raises:
        UsageError: No request has enough pairs.
    """
    found = list[Rate]()
    for cards in results.by_place.values():
        panel = results.panels[agreed_panel(cards)]
        for group, methods, table in evidence_tables(cards, panel):
            originals = {c.pair: c for c in methods.get(ORIGINAL, ()) if not c.error}
            for method, listed in methods.items():
                done = sorted((c for c in listed if not c.error), key=lambda card: card.pair)
                if method in (ORACLE, RANDOM) or not done:
                    continue
                row = CalibratedRow(done, originals, judge(table[method], panel), panel)
                found += of_row(row, group, pairs, draws, seed)
    if not found:
        most = max((len({c.pair for c in one}) for one in results.by_place.values()), default=0)
        raise UsageError(
            f"{most} pairs are too few for groups of {min(pairs)}: "
            f"seeds={FEWEST_GROUPS * min(pairs)} or more are needed, and 30 say something"
        )
    return found


def of_row(
    row: CalibratedRow, group: Group, pairs: Sequence[int], draws: int, seed: int
) -> Iterator[Rate]:
    """Rates of one row and of its headline scores, for each size of groups that fits."""
    total = len(row.cards)
    about: dict[str, Any] = group._asdict() | {"method": row.cards[0].method, "pairs": total}
    sets = [card.forget_digest or card.pair for card in row.cards]
    one = row.cards[0]
    about["kind"] = "class" if one.panel != one.evaluation else one.request_kind or ""
    for n in pairs:
        if FEWEST_GROUPS * n > total:
            continue
        groups, every = random_groups(sets, n, draws, seed)
        words = row.words(groups)
        about |= {"n": n, "draws": len(groups)}
        yield Rate(**about, words=frequency(words.row, groups, total, every))
        for name, codes in words.adjusted.items():
            yield Rate(
                **about,
                score=name,
                title=row.judged.scores[name].title,
                words=frequency(codes, groups, total, every),
                raw=frequency(words.raw[name], groups, total, every),
            )


def random_groups(sets: Sequence[Hashable], n: int, draws: int, seed: int) -> tuple[Groups, bool]:
    """Groups of n pairs, no pair twice in one: all there are, or as many as asked.

    No group has a forget set twice either, as long as there are n sets: so a run of n pairs deals
    them out.

    Args:
        sets: (N,) forget set of each pair.
        n: Pairs of a group.
        draws: How many groups.
        seed: Of the draws.

    Returns:
        (groups, n) places, ascending in each group, and whether these are all groups.

    >>> random_groups("abcd", 2, draws=10, seed=0)[0].tolist()
    [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    >>> random_groups("abab", 2, draws=10, seed=0)[0].tolist()
    [[0, 1], [0, 3], [1, 2], [2, 3]]
    """
    total = len(sets)
    labels = np.array([sets.index(one) for one in sets])
    if len(set(labels)) < n:
        labels = np.arange(total)
    if math.comb(total, n) <= draws:
        every = [one for one in combinations(range(total), n) if len(set(labels[list(one)])) == n]
        return np.array(every, np.int64), True
    orders = np.random.default_rng([seed, total, n]).random((draws, total)).argsort(axis=1)
    picked = []
    for order in orders:
        first = np.unique(labels[order], return_index=True)[1]
        picked.append(np.sort(order[np.sort(first)[:n]]))
    return np.array(picked, np.int64), False


def frequency(codes: Codes, groups: Groups, total: int, every: bool) -> Frequency:
    """Shares of the words with their errors; groups without the score count as none of them."""
    shares, drawing, error = dict[Word, float](), dict[Word, float](), dict[Word, float]()
    inside = np.zeros((len(groups), total), bool)
    np.put_along_axis(inside, groups, True, axis=1)
    for code, word in enumerate(WORDS):
        hit = codes == code
        share = float(hit.mean())
        variance = share * (1 - share) / len(groups)
        shares[word] = share
        drawing[word] = 0.0 if every else math.sqrt(variance)
        error[word] = math.sqrt(between(hit, inside, every) + drawing[word] ** 2)
    return Frequency(shares, drawing, error)


def between(hit: Flags, inside: Flags, every: bool) -> float:
    """Squared standard error of a rate by the pairs: the jackknife over pairs.

    The rate without pair i is that of the groups that do not hold it. What these rates differ by
    because they are of fewer groups is subtracted. It is somewhat too large where the word hangs on
    several pairs together.

    Args:
        hit: (groups,) whether the word falls.
        inside: (groups, N) whether a group holds a pair.
        every: Whether the groups are all that there are.
    """
    without = ~inside
    count: Floats = without.sum(axis=0).astype(float)
    total = inside.shape[1]
    share = float(hit.mean())
    hits = (hit[:, None] & without).sum(axis=0)
    each = np.where(count > 0, hits / np.maximum(count, 1), share)  # a pair may be in every group
    found = (total - 1) / total * float(((each - each.mean()) ** 2).sum())
    if not every:
        noise = share * (1 - share) * (1 / np.maximum(count, 1) - 1 / len(hit))
        found -= (total - 1) / total * float(noise.sum())
    return max(float(found), 0.0)
