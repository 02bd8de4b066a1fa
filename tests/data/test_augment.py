"""Augmentation of batches against image-by-image references."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import functional as reference

from mu.data.augment import (
    AUGMENTATIONS,
    crop,
    crop_flip,
    crop_flip_rotate,
    default_padding,
    flip,
    uniform_numbers,
)
from mu.data.base import draws


def images(n: int = 9, size: tuple[int, ...] = (3, 32, 32)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    uniform = torch.rand(n, 4, generator=generator, dtype=torch.float64)
    return torch.rand(n, *size, generator=generator), uniform


def one_by_one(x: torch.Tensor, uniform: torch.Tensor, padding: int) -> torch.Tensor:
    """What `crop_flip` does, image by image."""
    out = []
    height, width = x.shape[2:]
    for image, (u, v, w, *_) in zip(x, uniform.tolist(), strict=True):
        padded = torch.zeros(x.shape[1], height + 2 * padding, width + 2 * padding)
        padded[:, padding : padding + height, padding : padding + width] = image
        row, column = int(u * (2 * padding + 1)), int(v * (2 * padding + 1))
        cut = padded[:, row : row + height, column : column + width]
        out.append(torch.flip(cut, dims=[2]) if w < 0.5 else cut)
    return torch.stack(out)


@pytest.mark.parametrize(("shape", "padding"), [((9, 3, 8, 8), 4), ((5, 1, 6, 10), 2)])
def test_crop_flip_is_what_a_loop_over_images_does(shape, padding):
    x, uniform = images(shape[0], shape[1:])
    uniform[0], uniform[1] = 0.0, 0.999
    assert torch.equal(crop_flip(x, uniform[:, :3], padding), one_by_one(x, uniform, padding))
    assert torch.equal(crop_flip(x, uniform, padding), one_by_one(x, uniform, padding))


def test_crop_flip_in_the_middle_changes_nothing():
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(crop_flip(x, torch.tensor([[0.5, 0.5, 0.9]] * 2)), x)


@pytest.mark.parametrize("size", [(3, 32, 32), (1, 28, 28), (3, 20, 31)])
def test_rotation_is_torchvisions_after_crop_and_flip(size):
    x, uniform = images(20, size)
    turned = [
        reference.rotate(image, 15 * (2 * u - 1))
        for image, u in zip(crop_flip(x, uniform), uniform[:, 3].tolist(), strict=True)
    ]
    assert torch.equal(crop_flip_rotate(x, uniform), torch.stack(turned))


def test_rotation_by_nothing_is_crop_and_flip():
    x, uniform = images()
    uniform[:, 3] = 0.5
    assert torch.equal(crop_flip_rotate(x, uniform), crop_flip(x, uniform))


def test_a_quarter_turn_moves_every_pixel():
    x, uniform = images()
    uniform[:] = torch.tensor([0.5, 0.5, 0.9, 1.0])
    assert torch.equal(crop_flip_rotate(x, uniform, degrees=90.0), x.rot90(1, (2, 3)))


def test_crop_and_flip_alone_are_the_two_halves():
    x, uniform = images()
    assert torch.equal(flip(crop(x, uniform), uniform), crop_flip(x, uniform))
    centred = torch.cat([torch.full((9, 2), 0.5), uniform[:, 2:]], dim=1)
    assert torch.equal(flip(x, uniform), crop_flip(x, centred))
    assert not torch.equal(flip(x, uniform), x)


@pytest.mark.parametrize(("size", "padding"), [(32, 4), (64, 8), (28, 3), (4, 1)])
def test_padding_is_an_eighth(size, padding):
    x, uniform = images(3, (1, size, size))
    assert default_padding(x) == padding
    assert torch.equal(crop_flip(x, uniform), crop_flip(x, uniform, padding))


@given(st.sets(st.integers(0, 29), min_size=1), st.sampled_from(sorted(AUGMENTATIONS)))
def test_an_image_is_augmented_alike_in_any_batch(chosen, name):
    x, uniform = images(30)
    some = sorted(chosen)
    assert torch.equal(
        AUGMENTATIONS[name](x[some], uniform[some]), AUGMENTATIONS[name](x, uniform)[some]
    )


def test_numbers_belong_to_seed_epoch_and_id():
    ids = np.array([3, 17])
    found = uniform_numbers(1, 2, 20, ids)
    assert torch.equal(found, uniform_numbers(1, 2, 20, np.arange(20))[[3, 17]])
    assert (found[:, :3].numpy() == draws(1, 2, 1, (20, 3))[ids]).all()
    for other in ((2, 2), (1, 3)):
        assert not (uniform_numbers(*other, 20, ids) == found).any()
    assert len(set(found.flatten().tolist())) == 8
