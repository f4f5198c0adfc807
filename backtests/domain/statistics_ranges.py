"""Highest and lowest of many ranges of two columns at once, without a loop over the ranges."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


def extremes(high: Floats, low: Floats, first: Longs, stop: Longs) -> tuple[Floats, Floats]:
    """The highest ``high`` and the lowest ``low`` of each range ``[first, stop)``, both of shape ``(ranges,)``.

    What an empty range (``stop == first``) gives means nothing. ``stop`` must be an index too, below the length
    of the columns. Ranges that follow each other take one pass; such as overlap (a grid's lots) are put
    together from pieces, so that the time does not grow with their length.
    """
    if not len(first):
        return np.empty(0), np.empty(0)
    if bool((first[1:] >= stop[:-1]).all()):
        return _following(high, low, first, stop)
    return _overlapping(high, low, first, stop)


def _following(high: Floats, low: Floats, first: Longs, stop: Longs) -> tuple[Floats, Floats]:
    """Ranges in ascending order that share no element; one pass over the columns, faster still without gaps."""
    if bool((first[1:] == stop[:-1]).all()):
        bounds, own = np.append(first, stop[-1]), slice(0, -1)
    else:
        bounds, own = np.column_stack((first, stop)).ravel(), slice(0, None, 2)
    end = int(stop[-1]) + 1  # reduceat would run on to the end of the columns
    return np.maximum.reduceat(high[:end], bounds)[own], np.minimum.reduceat(low[:end], bounds)[own]


def _overlapping(high: Floats, low: Floats, first: Longs, stop: Longs) -> tuple[Floats, Floats]:
    """Any ranges: the columns are cut at all bounds, and each range is covered by two runs of 2^k pieces.

    The two runs of a range may share pieces, which does an extreme no harm.
    """
    marked = np.zeros(len(high), dtype=np.bool_)
    marked[first] = marked[stop] = True
    bounds = np.flatnonzero(marked)
    runs = _Runs.of(np.searchsorted(bounds, first), np.searchsorted(bounds, stop))
    end = int(bounds[-1]) + 1
    return (
        runs.pick(np.maximum, np.maximum.reduceat(high[:end], bounds)),
        runs.pick(np.minimum, np.minimum.reduceat(low[:end], bounds)),
    )


class _Runs(NamedTuple):
    """Ranges of pieces ordered by k: two runs of 2^k pieces each, from ``left`` and from ``right`` on.

    ``order`` are the ranges' own numbers, ``upto[k]`` how many of them have k or less.
    """

    order: Longs
    left: Longs
    right: Longs
    upto: list[int]

    @classmethod
    def of(cls, begin: Longs, end: Longs) -> Self:
        """The runs that cover ``[begin, end)``, or the piece at ``begin`` where that is empty."""
        span = np.maximum(end - begin, 1)
        level = (np.frexp(span.astype(np.float64))[1] - 1).astype(np.uint8)
        order = np.argsort(level, kind="stable")
        right = np.maximum(end - (1 << level.astype(np.int64)), begin)
        return cls(order, begin[order], right[order], np.bincount(level).cumsum().tolist())

    def pick(self, better: np.ufunc, pieces: Floats) -> Floats:
        """The best of each range, in the order in which the ranges came; one row of runs in memory at a time."""
        found = np.empty(len(self.order))
        done, runs = 0, pieces
        for level, upto in enumerate(self.upto):
            if level:
                half = 1 << (level - 1)
                runs = better(runs[:-half], runs[half:])
            chosen = slice(done, upto)
            found[self.order[chosen]] = better(runs[self.left[chosen]], runs[self.right[chosen]])
            done = upto
        return found
