"""The student in training: hidden states of a micro-batch, then the language-model head on learnt positions only.

Sequences that begin alike, as chats after one system prompt do, are laid into one row in which that stands once, where it saves
work: it is read once, and its gradient is the sum over those who read it.

Shapes: B sequences, L tokens, T learnt positions of the micro-batch, D width, V vocabulary.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.batching import Tree, batches, padded, trees
from pipeline.core.errors import InputError, ParamError
from pipeline.core.runtime import RuntimeParams, keep_freed_memory, pick_device
from pipeline.model.folder import TOKENIZER_FILES, load_model
from pipeline.model.params import Precision
from pipeline.model.trees import TreeReader
from pipeline.train.tables import embedded, logits

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel

Sequences = Sequence["Sequence[int] | np.ndarray"]  # token ids of B rows
Positions = Sequence["np.ndarray"]  # of each of B rows, those whose next token is learnt
ValuesAt = Callable[["torch.Tensor", slice], "torch.Tensor"]  # (logits [t, V], which of the T positions) to values [t]
WeightsOf = Callable[["torch.Tensor"], "torch.Tensor"]  # values [T] to weights [T]
# What a forward and backward cost beside their tokens, in tokens. On two cores each further one adds to all gradients once
# more, which took as long as some 100 tokens of a model of 135M; on CUDA small batches leave the card idle.
BATCH_COST = {"cpu": 100, "cuda": 10**9}
TREE_TOKENS = {"cpu": 768, "cuda": 2048}  # of a tree at most


def next_logprobs(next_T: "torch.Tensor") -> ValuesAt:
    """The values that are the log-probabilities, in nats, of the tokens ``next_T`` that follow the positions."""

    def values(logits_tV: "torch.Tensor", part: slice) -> "torch.Tensor":
        from torch.nn.functional import cross_entropy

        return -cross_entropy(logits_tV.float(), next_T[part], reduction="none")

    return values


def open_student(folder: Path, precision: Precision, runtime: RuntimeParams, key: str = "precision") -> "Student":
    """The model in ``folder``, to be trained as ``runtime`` says; ``key`` is what ``precision`` is called in params.yaml.

    Raises InputError as Student and pick_device do, and ParamError for bfloat16 without CUDA, where its optimizer is slow.
    """
    device = pick_device(runtime.device)
    if precision == "bfloat16" and device != "cuda":
        raise ParamError(f"{key} is 'bfloat16', which is for a CUDA device, and training is on the CPU; set it to 'float32'.")
    if device == "cpu":
        keep_freed_memory()
    return Student(folder, device, precision, gradient_checkpointing=runtime.gradient_checkpointing)


class Student:
    """A causal model in training, its weights in ``precision``; on CUDA it computes in bfloat16 either way (autocast).

    With ``gradient_checkpointing`` a layer's activations are computed again on the way back in place of being kept: the same
    gradients, for more work.
    """

    def __init__(
        self, folder: Path, device: str, precision: Precision = "float32", *, gradient_checkpointing: bool = False
    ) -> None:
        self.model: PreTrainedModel = load_model(folder, device, precision).train()
        if gradient_checkpointing:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.device = device
        self._source = folder
        self._reader = TreeReader(self.model, device)

    def micro_batches(self, sequences: Sequences, max_tokens: int) -> list[list[int]]:
        """Indices of ``sequences`` cut into micro-batches of at most ``max_tokens`` tokens each.

        By length, padded, or in the order of their tokens, where those that begin alike come together; whichever costs less.
        """
        fixed = BATCH_COST[self.device]
        by_length = list(batches([len(ids) for ids in sequences], max_tokens, fixed))
        room = self._reader.room(max(map(len, sequences), default=0), min(max_tokens, TREE_TOKENS[self.device]))
        if not room:
            return by_length
        in_trees = list(trees([list(ids) for ids in sequences], room))
        padded_cost = sum(fixed + len(batch) * max(len(sequences[index]) for index in batch) for batch in by_length)
        tree_cost = sum(fixed + self._tree_cost(tree) for tree in in_trees)
        return [list(tree.paths) for tree in in_trees] if tree_cost < padded_cost else by_length

    def _tree_cost(self, tree: Tree) -> float:
        """What reading ``tree`` costs, in tokens of padded rows, which are short.

        The weights of a layer take some 20 D^2 operations a token, and attention 4 D for each token of the row.
        """
        tokens = len(tree.input_ids)
        return tokens * (1 + tokens / (5 * self.model.config.get_text_config().hidden_size))

    def hidden(self, sequences: Sequences, positions: Positions) -> "torch.Tensor":
        """What the head reads at the ``positions`` of a micro-batch, [T, D], one sequence after the other."""
        inputs, rows_T, columns_T = self.layout(sequences, positions)
        embeds_BLD = embedded(self.model.get_input_embeddings(), inputs.pop("input_ids"))
        return self.model.base_model(inputs_embeds=embeds_BLD, **inputs).last_hidden_state[rows_T, columns_T]

    def layout(self, sequences: Sequences, positions: Positions) -> "tuple[dict[str, Any], torch.Tensor, torch.Tensor]":
        """What the body is called with to read a micro-batch, and where its T ``positions`` are then: rows [T], columns [T].

        What comes after a sequence's last position is not read.
        """
        import torch

        read = [list(ids[: max(at, default=0) + 1]) for ids, at in zip(sequences, positions, strict=True)]
        longest = max(map(len, read))
        (tree,) = trees(read, sum(map(len, read)))
        tokens, most = len(tree.input_ids), TREE_TOKENS[self.device]
        if self._tree_cost(tree) < longest * len(read) and tokens <= self._reader.room(longest, most):
            inputs, rows = self._reader.inputs(tree), [0] * len(read)
            columns = [tree.paths[index][position] for index, at in enumerate(positions) for position in at]
        else:
            ids_BL, mask_BL = padded(read, self.device)
            inputs, rows = {"input_ids": ids_BL, "attention_mask": mask_BL, "use_cache": False}, list(range(len(read)))
            columns = [position for at in positions for position in at]
        rows_T = torch.repeat_interleave(torch.tensor(rows), torch.tensor([len(at) for at in positions]))
        return inputs, rows_T.to(self.device), torch.tensor(columns, dtype=torch.long, device=self.device)

    @property
    def bytes(self) -> int:
        """What its weights take, in memory and on disk."""
        return sum(weight.nbytes for weight in self.model.parameters())

    def check_fits(self, longest: int, advice: str) -> None:
        """Raise InputError with ``advice`` when a text of ``longest`` tokens exceeds the model's context."""
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if context and longest > context:
            raise InputError(
                f"{self._source}: a text of {longest} tokens does not fit the model's context of {context}; {advice}."
            )

    def backward(
        self,
        sequences: Sequences,
        positions: Positions,
        values: ValuesAt,
        weights: "torch.Tensor | WeightsOf",
        logit_chunk: int,
    ) -> "torch.Tensor":
        """Add the gradient of the sum of weight x value over T positions of a micro-batch; returns the values, [T].

        ``values``: what an objective makes of the logits of a slice of the T. ``weights``: what each value counts, [T], or a
        function of the values where it rests on them, which are then computed once before.
        Logits exist for ``logit_chunk`` positions at once: each chunk's gradient is taken at once and gathered on the hidden
        states, from which one backward pass goes through the body.
        """
        import torch

        parts = _parts(positions, logit_chunk)
        head = self.model.get_output_embeddings()
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            hidden_TD = self.hidden(sequences, positions)
            leaf_TD = hidden_TD.detach().requires_grad_()
            if callable(weights):
                with torch.no_grad():
                    weights = weights(torch.cat([values(head(leaf_TD[part]), part) for part in parts]))
            chunks = []
            for part in parts:
                values_T = values(logits(head, leaf_TD[part]), part)
                (values_T * weights[part]).sum().backward()
                chunks.append(values_T.detach())
        hidden_TD.backward(leaf_TD.grad)
        return torch.cat(chunks)

    def values(self, sequences: Sequences, positions: Positions, values: ValuesAt, logit_chunk: int) -> "torch.Tensor":
        """What ``backward`` returns, without gradient and dropout."""
        import torch

        self.model.eval()
        head = self.model.get_output_embeddings()
        with torch.no_grad(), torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            hidden_TD = self.hidden(sequences, positions)
            chunks = [values(head(hidden_TD[part]), part) for part in _parts(positions, logit_chunk)]
        self.model.train()
        return torch.cat(chunks)

    def save(self, folder: Path) -> None:
        """Write an ordinary model folder: safetensors, config, the base's own tokenizer files and generation config."""
        from transformers import GenerationConfig

        if (self._source / "generation_config.json").exists():
            self.model.generation_config = GenerationConfig()  # save_pretrained refuses values that models come with
        self.model.save_pretrained(folder)
        for name in (*TOKENIZER_FILES, "generation_config.json", "tokenizer.model", "vocab.json", "merges.txt"):
            if (self._source / name).exists():
                shutil.copyfile(self._source / name, folder / name)


def _parts(positions: Positions, logit_chunk: int) -> list[slice]:
    return [slice(start, start + logit_chunk) for start in range(0, sum(map(len, positions)), logit_chunk)]
