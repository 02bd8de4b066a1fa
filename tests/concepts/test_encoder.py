"""Encoders: the adapter of open_clip against a stand-in for the package, and what is refused."""

import sys
from types import SimpleNamespace

import pytest
import torch
from concept_case import ColourEncoder

from mu.concepts.encoder import OpenClipEncoder, embedded
from mu.errors import UsageError


class FakeModel(torch.nn.Module):
    """Returns what it is given, so that the adapter's own work can be seen."""

    def encode_image(self, x):
        assert x.shape[1:] == (3, 8, 8)
        return x.mean(dim=(2, 3))

    def encode_text(self, tokens):
        return tokens.float()


@pytest.fixture
def open_clip(monkeypatch):
    made = []

    def create_model(name, pretrained):
        made.append((name, pretrained))
        return FakeModel()

    package = SimpleNamespace(
        create_model=create_model,
        get_tokenizer=lambda name: lambda words: torch.tensor([[len(w), 3] for w in words]),
        get_model_preprocess_cfg=lambda model: {"size": 8, "mean": [0.5] * 3, "std": [0.25] * 3},
    )
    monkeypatch.setitem(sys.modules, "open_clip", package)
    return made


def test_images_are_scaled_and_normalised_as_the_model_expects(open_clip):
    encoder = OpenClipEncoder("RN50", "weights.pt")
    assert open_clip == [("RN50", "weights.pt")]
    grey = torch.full((2, 1, 5, 7), 0.75)
    assert torch.allclose(encoder.images(grey), torch.ones(2, 3), atol=1e-5)


def test_words_have_unit_length(open_clip):
    found = OpenClipEncoder(pretrained="weights.pt").texts(["wing", "fur"])
    assert torch.allclose(found, torch.tensor([[0.8, 0.6], [0.5**0.5, 0.5**0.5]]))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(UsageError, match="needs the package open_clip_torch, which is not inst"):
        OpenClipEncoder(pretrained="weights.pt")


def test_weights_have_to_be_named():
    with pytest.raises(UsageError, match="names no weights"):
        OpenClipEncoder("RN50")


def test_batches_do_not_change_embeddings():
    x = torch.rand(7, 3, 4, 4)
    encoder = ColourEncoder()
    assert torch.equal(embedded(encoder, x, 2), encoder.images(x))


@pytest.mark.parametrize(
    "wrong", [lambda x: x, lambda x: x.mean(dim=(2, 3))[:1], lambda x: x.mean(dim=(2, 3)) / 0]
)
def test_embeddings_that_do_not_fit_are_refused(wrong):
    with pytest.raises(UsageError, match=r"must return \(n, d\) finite numbers"):
        embedded(SimpleNamespace(images=wrong), torch.rand(3, 3, 4, 4))
