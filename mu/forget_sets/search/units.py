"""What a search weighs: single elements, or all elements of a class or group at once."""

from dataclasses import dataclass

import numpy as np

from mu.data.base import Data, Ids
from mu.evaluation.signals import Floats
from mu.unlearning.options import one_of


@dataclass(frozen=True)
class Units:
    """Elements in units.

    Attributes:
        of: (n,) unit of each element, 0 to ``count`` − 1.
        count: How many units there are.
        reduce: Whether a unit's value is the "mean" or the "sum" over its elements.
    """

    of: Ids
    count: int
    reduce: str = "mean"

    def gathered(self, values: Floats) -> Floats:
        """(count,) value of each unit, from (n,) values of elements."""
        found: Floats = np.bincount(self.of, values, self.count).astype(np.float64)
        if self.reduce == "mean":
            found /= np.bincount(self.of, minlength=self.count)
        return found

    def spread(self, w: Floats) -> Floats:
        """(n,) weight of each element, from (count,) weights of units."""
        found: Floats = w[self.of]
        return found


def units_of(data: Data, samples: Ids, unit: str, reduce: str = "mean") -> Units:
    """Units of elements, each of which stands for one sample.

    Args:
        data: The data.
        samples: (n,) the sample of each element.
        unit: "element"; "class" by the labels trained on; or the name of another level of labels.
        reduce: See `Units`.

    Raises:
        UsageError: An unknown way to reduce, or a level that the data do not have.

    Example:
        >>> Units(np.array([0, 1, 0]), 2).gathered(np.array([1.0, 5.0, 3.0]))
        array([2., 5.])
    """
    one_of(reduce=(reduce, ("mean", "sum")))
    if unit == "element":
        return Units(np.arange(len(samples)), len(samples), reduce)
    labels = data.targets(samples) if unit == "class" else data.labelling(unit)[samples]
    found, of = np.unique(np.asarray(labels), return_inverse=True)
    return Units(of.astype(np.int64), len(found), reduce)
