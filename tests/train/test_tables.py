"""The tables' gradients are those of autograd, wherever they are added."""

import pytest
import torch

from pipeline.train.tables import embedded, logits

VOCABULARY, WIDTH, PADDING = 11, 4, 2
IDS = torch.tensor([[3, PADDING, 3, 9], [0, 5, PADDING, 10]])
Table = tuple[torch.nn.Embedding, torch.nn.Linear]


def tables(*, tied: bool, padding: int | None = PADDING) -> Table:
    torch.manual_seed(0)
    embedding = torch.nn.Embedding(VOCABULARY, WIDTH, padding_idx=padding)
    head = torch.nn.Linear(WIDTH, VOCABULARY, bias=False)
    if tied:
        head.weight = embedding.weight
    return embedding, head


def gradients(embedding: torch.nn.Embedding, head: torch.nn.Linear, *, ours: bool, times: int) -> list[torch.Tensor]:
    for time in range(times):
        hidden = embedded(embedding, IDS) if ours else embedding(IDS)
        hidden = (hidden.flatten(0, 1) + time).tanh()
        scores = logits(head, hidden) if ours else head(hidden)
        (scores.log_softmax(-1)[:, 1] * torch.arange(8.0)).sum().backward()
    return [embedding.weight.grad, head.weight.grad]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("padding", [PADDING, None])
@pytest.mark.parametrize("times", [1, 3])
def test_gradients_are_those_of_autograd(tied: bool, padding: int | None, times: int) -> None:
    found, wanted = (gradients(*tables(tied=tied, padding=padding), ours=ours, times=times) for ours in (True, False))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_the_padding_row_learns_nothing_from_the_embedding() -> None:
    embedding, head = tables(tied=False)
    gradient, _ = gradients(embedding, head, ours=True, times=1)
    assert not gradient[PADDING].any() and gradient[3].any()


def test_a_table_that_is_more_than_its_weight_is_left_to_autograd() -> None:
    embedding, head = tables(tied=False)
    embedding.scale_grad_by_freq = True
    head.register_forward_hook(lambda _module, _inputs, output: 2 * output)
    hidden = torch.ones(1, WIDTH)
    assert torch.equal(logits(head, hidden), 2 * hidden @ head.weight.T)
    embedded(embedding, IDS).sum().backward()
    assert embedding.weight.grad[3].tolist() == [0.5 * 2] * WIDTH


def test_frozen_tables_get_no_gradient() -> None:
    embedding, head = tables(tied=False)
    embedding.weight.requires_grad_(False)
    head.weight.requires_grad_(False)
    hidden = embedded(embedding, IDS).flatten(0, 1).requires_grad_()
    logits(head, hidden).sum().backward()
    assert embedding.weight.grad is None and head.weight.grad is None
    assert hidden.grad is not None
