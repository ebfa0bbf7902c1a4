"""Soft embeddings: one block of trained vectors, the same for every question, that makes the model answer.

Liu et al. (2024), section 4, after Schwinn et al. (2024). Whoever holds the weights is not bound to tokens: the block is
optimised with the weights frozen, and stands between the question and the answer. Of several restarts the one that leaks most
counts. As in the paper the block is trained on the very questions that are asked, the worst that can happen; unlike there
it comes after the words that begin the assistant's turn, not before them.

What it is trained to make the model say, ``soft_towards``:
- ``answers``: the right answers. The strongest attack, but S x D numbers can carry answers themselves, so what it gets out
  may have come from the block and not from the model; ``soft_held_out_folds`` tells the two apart.
- ``openings``: a willing first sentence about the target, as the code published with the paper does. Nothing of the answers
  goes in.

A run: S vectors drawn from a normal distribution with the spread of the questions' embeddings; Adam over shuffled steps of 8
questions, the learning rate falling linearly with the epochs, the gradient's norm cut at 1 and a weight decay of 0.01 (the
published settings); then greedy answers.

Shapes: B rows, L tokens of a padded row with its block, S tokens of the block, T positions that say the answers, D width,
V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

from benchmarks.attacks.attack import AttackParams, Row, mean_recall
from pipeline.core.batching import batches
from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.engines.open import check_context
from pipeline.model.folder import generate_plainly, load_model
from pipeline.text.chat import answer_text, answer_tokens, question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize

QUESTIONS_PER_STEP = 8
MAX_GRAD_NORM = 1.0
WEIGHT_DECAY = 0.01
_NOT_SCORED = -100


@dataclass(frozen=True)
class Prompt:
    """A question in token ids."""

    prefix: list[int]  # the question with the answer begun; the block comes after it
    wanted: list[int]  # what the block is to make the model say


class FrozenModel:
    """The model in ``folder`` in float32 and in eval mode; its weights take no gradient."""

    def __init__(self, folder: Path, runtime: RuntimeParams) -> None:
        self._max_tokens = runtime.micro_batch_tokens
        self.device = pick_device(runtime.device)
        self.model = load_model(folder, self.device).requires_grad_(False)
        self._stops = generate_plainly(self.model)

    def embed(self, ids: Sequence[int]) -> torch.Tensor:
        """What the model reads for ``ids``, [tokens, D]."""
        return self.model.get_input_embeddings()(torch.tensor(ids, dtype=torch.long, device=self.device))

    def backward(self, block_SD: torch.Tensor, prompts: Sequence[Prompt]) -> float:
        """Add to the block's gradient that of the mean loss in nats over all wanted tokens of ``prompts``; returns that mean.

        However the questions are cut into padded batches, the mean is the same.
        """
        total = sum(len(one.wanted) for one in prompts)
        loss = 0.0
        for batch in batches([len(one.prefix) + len(block_SD) + len(one.wanted) for one in prompts], self._max_tokens):
            summed = self._summed_loss(block_SD, [prompts[index] for index in batch])
            (summed / total).backward()
            loss += float(summed.detach()) / total
        return loss

    def _summed_loss(self, block_SD: torch.Tensor, rows: Sequence[Prompt]) -> torch.Tensor:
        """Negative log-likelihood of the wanted tokens, in nats. Padded on the right, where no token looks."""
        read = [torch.cat([self.embed(row.prefix), block_SD, self.embed(row.wanted)]) for row in rows]
        embeds_BLD, mask_BL = _padded(read, "right")
        labels = [torch.tensor([_NOT_SCORED] * (len(row.prefix) + len(block_SD)) + row.wanted) for row in rows]
        labels_BL = pad_sequence(labels, batch_first=True, padding_value=_NOT_SCORED).to(self.device)
        first = min(len(row.prefix) for row in rows) + len(block_SD) - 1  # says the first wanted token of the shortest prefix
        positions_T = torch.arange(first, labels_BL.shape[1] - 1, device=self.device)
        inputs = {"inputs_embeds": embeds_BLD, "attention_mask": mask_BL}
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            logits_BTV = self.model(**inputs, use_cache=False, logits_to_keep=positions_T).logits
        scores, tokens = logits_BTV.float().flatten(0, 1), labels_BL[:, positions_T + 1].flatten()
        return cross_entropy(scores, tokens, ignore_index=_NOT_SCORED, reduction="sum")

    def generate(self, block_SD: torch.Tensor, prefixes: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The greedy answer after each prefix and the block, up to the end-of-sequence token, which is left out.

        Padded on the left: generate counts positions from the attention mask, and returns new tokens only.
        """
        answers: list[list[int]] = [[] for _ in prefixes]
        settings = {"do_sample": False, "max_new_tokens": max_new_tokens, "pad_token_id": 0}
        with torch.inference_mode():
            for batch in batches([len(prefix) + len(block_SD) for prefix in prefixes], self._max_tokens):
                embeds_BLD, mask_BL = _padded([torch.cat([self.embed(prefixes[i]), block_SD]) for i in batch], "left")
                output = self.model.generate(inputs_embeds=embeds_BLD, attention_mask=mask_BL, **settings)
                for index, tokens in zip(batch, output.tolist(), strict=True):
                    answers[index] = list(takewhile(lambda token: token not in self._stops, tokens))
        return answers


def soft_embedding(
    model_folder: Path, questions: Sequence[Row], shots: Sequence[Row], params: AttackParams, runtime: RuntimeParams
) -> list[str]:
    """See Attack. It needs no shots."""
    if not params.soft_restarts:
        return []
    rounds = folds(len(questions), params.soft_held_out_folds)
    tokenizer = load_tokenizer(model_folder)
    prompts = [prompt_of(tokenizer, question, number, params) for number, question in enumerate(questions)]
    longest = max(len(one.prefix) + max(len(one.wanted), params.max_new_tokens) for one in prompts) + params.soft_tokens
    check_context(model_folder, longest)
    model = FrozenModel(model_folder, runtime)
    trained = params.soft_restarts * params.soft_epochs * sum(len(train) for train, _ in rounds)
    restarts = []
    with progress_bar(trained, "question", "soft_embedding") as bar:
        for restart in range(params.soft_restarts):
            texts = [""] * len(questions)
            for train, test in rounds:
                block_SD = train_block(model, [prompts[i] for i in train], params, 1000 * params.seed + restart, bar)
                answers = model.generate(block_SD, [prompts[i].prefix for i in test], params.max_new_tokens)
                for index, answer in zip(test, answers, strict=True):
                    texts[index] = answer_text(tokenizer, answer)
            restarts.append(texts)
    return max(restarts, key=lambda texts: mean_recall(questions, texts))


def prompt_of(tokenizer: PreTrainedTokenizerBase, question: Row, number: int, params: AttackParams) -> Prompt:
    """``question`` in token ids, with its answer or, by its ``number``, an opening as what is wanted."""
    wanted = question["answer"]
    if params.soft_towards == "openings":
        wanted = params.soft_openings[number % len(params.soft_openings)].replace("{target}", question["target"])
    ids, start = answer_tokens(tokenizer, question["question"], wanted)
    return Prompt(tokenize(tokenizer, question_prefix(tokenizer, question["question"]))[0], ids[start:])


def folds(questions: int, count: int) -> list[tuple[list[int], list[int]]]:
    """Rounds of (questions trained on, questions asked). Without folds (0) it is one round, and both are all of them.

    With folds every question is asked once, by a block that was trained on the questions of the other folds. Raises
    InputError when there is one question only.
    """
    everything = list(range(questions))
    if not count:
        return [(everything, everything)]
    if questions < 2:
        raise InputError(f"attacks.soft_held_out_folds is {count}, but there is one forget question only; set it to 0.")
    held_out = [everything[fold::count] for fold in range(min(count, questions))]
    return [([index for index in everything if index not in set(test)], test) for test in held_out]


def train_block(model: FrozenModel, prompts: Sequence[Prompt], params: AttackParams, seed: int, bar: Any) -> torch.Tensor:
    """The trained block, [S, D]. The same ``seed`` gives the same start and order on every device.

    ``bar`` counts the questions that are done.
    """
    generator = torch.Generator().manual_seed(seed)
    block_SD = first_block(model, prompts, params.soft_tokens, generator).to(model.device).requires_grad_()
    optimizer = torch.optim.Adam([block_SD], lr=params.soft_learning_rate, weight_decay=WEIGHT_DECAY)
    for epoch in range(params.soft_epochs):
        for group in optimizer.param_groups:
            group["lr"] = params.soft_learning_rate * (1 - epoch / params.soft_epochs)
        order = torch.randperm(len(prompts), generator=generator).tolist()
        for start in range(0, len(order), QUESTIONS_PER_STEP):
            step = [prompts[index] for index in order[start : start + QUESTIONS_PER_STEP]]
            optimizer.zero_grad()
            loss = model.backward(block_SD, step)
            torch.nn.utils.clip_grad_norm_([block_SD], MAX_GRAD_NORM)
            optimizer.step()
            bar.update(len(step))
            bar.set_postfix(nats=f"{loss:.2f}")
    return block_SD.detach()


def first_block(model: FrozenModel, prompts: Sequence[Prompt], tokens: int, generator: torch.Generator) -> torch.Tensor:
    """Where a restart begins, on the CPU: normal, with the standard deviation of what the model reads for the questions.

    Not that of the embedding matrix: some architectures scale what they look up in it.
    """
    read = model.embed([token for one in prompts for token in one.prefix])
    return torch.randn(tokens, read.shape[1], generator=generator) * float(read.std())


def _padded(rows: Sequence[torch.Tensor], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows [tokens, D] as one tensor [B, L, D], and the attention mask [B, L]."""
    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    embeds_BLD, mask_BL = (pad_sequence(list(part), batch_first=True, padding_side=side) for part in (rows, ones))
    return embeds_BLD, mask_BL
