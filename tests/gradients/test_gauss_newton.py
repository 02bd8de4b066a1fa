import pytest
import torch
from influence_case import Attention, Squares, golden_batches, golden_learner, regression, relative
from own_graph_case import CONVOLUTIONS, graph, network
from torch import nn

from mu.data.pyg import nodes_of
from mu.errors import UsageError
from mu.gradients.gauss_newton import gauss_newton_product
from mu.gradients.hessian import hessian_product
from mu.gradients.vectors import to_named, trained
from mu.models.base import Learner
from mu.models.graph import Encoder


def dense(learner, x, loss_hessian):
    """Jᵀ H J / n from the Jacobian of torch.func."""
    parameters = trained(learner)

    def logits(vector):
        return torch.func.functional_call(learner, to_named(vector, parameters), (x,))

    point = torch.cat([p.detach().flatten() for p in parameters.values()])
    jacobian = torch.func.jacrev(logits)(point)
    return torch.einsum("nci,ncd,ndj->ij", jacobian, loss_hessian(logits(point)), jacobian) / len(x)


def softmax_hessian(z):
    p = z.softmax(1)
    return torch.diag_embed(p) - p[:, :, None] * p[:, None, :]


def columns(learner, batches, size):
    unit = torch.eye(size, dtype=torch.float64)
    return torch.stack([gauss_newton_product(learner, batches, row) for row in unit])


@pytest.mark.parametrize("network", ["perceptron", "attention"])
def test_it_is_the_dense_matrix_and_positive(network):
    torch.manual_seed(0)
    if network == "attention":
        learner, x = Learner(Attention().double()), torch.randn(5, 4, 4).double()
    else:
        layers = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
        learner, x = Learner(layers), torch.randn(5, 3).double()
    y = torch.tensor([0, 1, 1, 0, 1])
    size = sum(p.numel() for p in learner.parameters())
    found = columns(learner, [(x[:2], y[:2]), (x[2:], y[2:])], size)
    torch.testing.assert_close(found, dense(learner, x, softmax_hessian), rtol=1e-9, atol=1e-12)
    assert float(torch.linalg.eigvalsh(found)[0]) > -1e-12


def test_another_library_finds_the_same():
    curvlinops = pytest.importorskip("curvlinops", reason="curvlinops is not installed")
    learner, batches = golden_learner(), golden_batches("remain", 20)
    wanted = curvlinops.GGNLinearOperator(
        learner.network, nn.CrossEntropyLoss(), list(learner.network.parameters()), batches
    )
    torch.manual_seed(0)
    v = torch.randn(wanted.shape[1], dtype=torch.float64)
    assert relative(gauss_newton_product(learner, batches, v), wanted @ v) < 1e-10


def test_of_a_linear_network_it_is_the_hessian():
    x, y, learner = regression()
    assert isinstance(learner, Squares)
    v = torch.arange(4.0).double()
    found = gauss_newton_product(learner, [(x, y)], v)
    assert relative(found, hessian_product(learner, [(x, y)], v)) < 1e-12


def test_no_samples_are_refused():
    with pytest.raises(UsageError, match="no samples"):
        gauss_newton_product(golden_learner(), [], torch.ones(526))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_networks_of_torch_geometric_have_a_product(name):
    """Jᵀ H J by one backward pass a logit, which no layer is exempt from."""
    data = nodes_of(graph(dtype=torch.float64))
    learner = Learner(Encoder(network(name)))
    (batch,) = data.loader(data.parts["train"][:6])
    logits = learner(batch.x)
    parameters = list(learner.parameters())
    # An output that a ReLU has cut off depends on nothing.
    how = {"retain_graph": True, "materialize_grads": True}
    rows = [torch.autograd.grad(one, parameters, **how) for one in logits.flatten()]
    flat = [torch.cat([g.flatten() for g in row]) for row in rows]
    jacobian = torch.stack(flat).view(*logits.shape, -1)
    hessian = softmax_hessian(logits.detach())
    v = torch.randn(jacobian.shape[-1], dtype=torch.float64)
    wanted = torch.einsum("nci,ncd,ndj,j->i", jacobian, hessian, jacobian, v) / len(batch)
    found = gauss_newton_product(learner, [batch], v)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


def test_an_operation_without_a_second_derivative_is_named():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.EmbeddingBag(9, 3, mode="max"), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.table(x))

    learner = Learner(Bag())
    batch = (torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1]))
    size = sum(p.numel() for p in learner.parameters())
    with pytest.raises(UsageError, match=r"no second derivative \(.*_embedding_bag_backward"):
        gauss_newton_product(learner, [batch], torch.ones(size))
