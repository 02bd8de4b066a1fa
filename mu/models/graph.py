"""Graph networks: two-layer encoders for node classes and for links."""

from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from mu.data.graphs import GraphInput


class GCN(nn.Module):
    """Two graph convolutions (Kipf and Welling, arXiv 1609.02907).

    Node classes: ``out_features`` logits of ``x.nodes``. Links: the inner product of the end
    points' embeddings of ``x.pairs`` as one logit (n, 1). Which of the two follows from what the
    input asks.

    Args:
        in_features: Number of node features.
        out_features: Width of the embedding, or number of classes.
        hidden: Width of the hidden layer.
        dropout: Share of hidden units dropped in training.
    """

    def __init__(
        self, in_features: int, out_features: int, hidden: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.conv1 = GCNConv(in_features, hidden)
        self.conv2 = GCNConv(hidden, out_features)
        self.dropout = nn.Dropout(dropout)

    def encode(self, x: GraphInput) -> Tensor:
        """(N, out_features) embeddings of all nodes."""
        hidden = self.dropout(self.conv1(x.features, x.adjacency).relu())
        embedding: Tensor = self.conv2(hidden, x.adjacency)
        return embedding

    def features(self, x: GraphInput) -> Tensor:
        """Embeddings of the nodes asked for, or of both ends of the pairs, side by side."""
        z = self.encode(x)
        if x.pairs is None:
            return z[x.nodes]
        return z[x.pairs].permute(1, 0, 2).flatten(1)

    def forward(self, x: GraphInput) -> Tensor:
        z = self.encode(x)
        if x.pairs is None:
            return z[x.nodes]
        return (z[x.pairs[0]] * z[x.pairs[1]]).sum(-1, keepdim=True)
