"""What a model says of forgotten nodes that were never trained on: in a test part, or unlabelled.

Such a node leaves with its edges, and D_f are its trained neighbours. Its own outputs are compared
here, without its label, which it may not have.
"""

from dataclasses import dataclass

from mu.evaluation.distance import Agreement, KLToOracle


@dataclass(frozen=True)
class OwnKL(KLToOracle):
    """Mean `kl` from the oracles to the model on the forgotten nodes themselves.

    Model and oracles are asked on the graph that remains, in which the node stands alone with its
    features: it is what whoever uses the model can still ask, and on one graph a difference is one
    of the weights. The original is asked on its own graph, as for every score; the row that only
    unlinks (``utu``) says how much of its distance is due to the edges alone.

    nan for requests that name trained nodes, or no nodes.

    Name: Kullback-Leibler divergence from the oracles on forgotten nodes outside training.
    Original: far: asked on the graph before the request, where the node has its edges.
    Oracle: their divergence from each other on the lone node: the floor; not 0.

    Args:
        part: As for every score of a part.
    """

    part: str = "own"


@dataclass(frozen=True)
class OwnAgreement(Agreement):
    """Mean `agreement` with the oracles on the forgotten nodes themselves; as `OwnKL` asks them.

    nan for requests that name trained nodes, or no nodes.

    Name: Agreement with the oracles on forgotten nodes outside training.
    Formula: share of these nodes for which model and oracle predict the same class.
    Original: lower: asked on the graph before the request, where the node has its edges.
    Oracle: their agreement with each other on the lone node: not 1.

    Args:
        part: As for every score of a part.
    """

    part: str = "own"
