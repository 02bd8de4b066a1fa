"""Six samples of three classes as a part of a data set, and as a user's own loader."""

import numpy as np
import torch

from mu.data.base import TensorData
from mu.parts.part import DataPart, LoaderPart

X, Y = torch.arange(24.0).view(12, 2), torch.arange(12) % 3
IDS = np.array([1, 2, 4, 7, 8, 11])


def parts():
    empty = np.array([], np.int64)
    data = TensorData(X, Y, train=np.arange(12), validation=empty, test=empty)
    loader = [(X[IDS[:4]], Y[IDS[:4]]), (X[IDS[4:]], Y[IDS[4:]])]
    return [DataPart(data, IDS, data.without({}).view), LoaderPart((loader,))]
