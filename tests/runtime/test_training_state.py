"""The state of a training as tensors: what is drawn, and what an optimiser does, after it is put back is what would have been without."""

import random

import numpy as np
import pytest
import torch

from runtime.training_state import MOMENT, random_states, restore_optimizer, restore_random


def draws():
    """Numbers of every generator; the two with a normal draw in reserve are asked in a way that uses it up or leaves one."""
    return [
        *(random.random() for _ in range(3)),
        random.gauss(0.0, 1.0),
        *np.random.random(3),
        np.random.standard_normal(),
        *torch.rand(3).tolist(),
        torch.randn(1).item(),
        random.sample(range(1000), 5),
        np.random.permutation(50).tolist(),
        torch.randperm(50).tolist(),
    ]


def seed(number):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


@pytest.fixture(autouse=True)
def as_before():
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


@pytest.mark.parametrize("normals", [0, 1, 2])  # after one, the generators of Python and numpy hold the second of a pair in reserve
@pytest.mark.parametrize("used", [0, 700])  # and at another place of their 624 words
def test_every_generator_goes_on_with_the_numbers_that_would_have_come(normals, used):
    seed(5)
    for _ in range(used):
        random.random(), np.random.random(), torch.rand(1)
    for _ in range(normals):
        random.gauss(0.0, 1.0), np.random.standard_normal(), torch.randn(1)
    states = random_states()
    wanted = draws()
    seed(99)
    assert draws() != wanted
    for again in (states, states.clone()):  # reading a state does not use it up
        restore_random(again)
        assert draws() == wanted
    assert states.dtype == torch.uint8, "as every rank sends it to the others"


def test_states_of_ranks_stay_apart_in_one_tensor():
    """As they lie in a checkpoint: one row a rank, each put back by its own."""
    rows, wanted = [], []
    for rank in range(3):
        seed(rank)
        rows.append(random_states())
        wanted.append(draws())
    states = torch.stack(rows)
    assert wanted[0] != wanted[1] != wanted[2]
    for rank in (2, 0, 1):
        restore_random(states[rank])
        assert draws() == wanted[rank]


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad])
def test_an_optimizer_that_is_put_back_makes_the_same_steps(kind):
    def made():
        torch.manual_seed(0)
        weights = [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(4)), torch.nn.Parameter(torch.randn(1))]
        more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return weights, kind([{"params": weights[:1], "weight_decay": 0.1}, {"params": weights[1:]}], lr=0.1, **more)

    def step(weights, optimizer, number):
        for place, weight in enumerate(weights):
            weight.grad = torch.full_like(weight, 0.3 * number + place) if (place, number) != (1, 1) else None  # one has no moments at first
        optimizer.step()

    weights, optimizer = made()
    step(weights, optimizer, 1)
    kept = optimizer.state_dict()
    tensors = {f"{MOMENT}{i}/{name}": value.clone() for i, m in kept["state"].items() for name, value in m.items() if isinstance(value, torch.Tensor)}
    rest = {str(i): {name: value for name, value in m.items() if not isinstance(value, torch.Tensor)} for i, m in kept["state"].items()}
    others, again = made()
    with torch.no_grad():
        for new, old in zip(others, weights, strict=True):
            new.copy_(old)
    restore_optimizer(again, {"groups": kept["param_groups"], "rest": rest}, tensors)
    for number in (2, 3):
        step(weights, optimizer, number)
        step(others, again, number)
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))
    assert tensors and any(not torch.equal(one, other) for one, other in zip(weights, made()[0], strict=True))
