"""The student in training: hidden states of a padded batch, then the language-model head on trained positions only.

Shapes: B rows, L tokens, T trained positions of the batch, D width, V vocabulary, K kept tokens.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batching import padded
from pipeline.device import pick_device
from pipeline.distill.loss import bucketed_kl
from pipeline.errors import InputError, ParamError
from pipeline.fingerprint import TOKENIZER_FILES
from pipeline.model import load_model
from pipeline.params import Precision, RuntimeParams
from pipeline.teacher.shards import PassageTargets

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PreTrainedModel


def open_student(folder: Path, precision: Precision, runtime: RuntimeParams, key: str = "precision") -> "Student":
    """The model in ``folder``, to be trained as ``runtime`` says; ``key`` is what ``precision`` is called in params.yaml.

    Raises InputError as Student and pick_device do, and ParamError for bfloat16 without CUDA, where its optimizer is slow.
    """
    device = pick_device(runtime.device)
    if precision == "bfloat16" and device != "cuda":
        raise ParamError(f"{key} is 'bfloat16', which is for a CUDA device, and training is on the CPU; set it to 'float32'.")
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
        self._check_head()

    def hidden(self, ids_BL: "torch.Tensor", mask_BL: "torch.Tensor") -> "torch.Tensor":
        """What the head reads, [B, L, D]."""
        body = getattr(self.model, self.model.base_model_prefix)
        return body(input_ids=ids_BL, attention_mask=mask_BL, use_cache=False).last_hidden_state

    def _check_head(self) -> None:
        """The head is applied apart from the body, which is right only if the model does nothing else to its logits."""
        import torch

        ids = torch.tensor([[1, 2, 3]], device=self.device)
        mask = torch.ones_like(ids)
        with torch.no_grad():
            self.model.eval()
            whole = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            apart = self.model.get_output_embeddings()(self.hidden(ids, mask))
            self.model.train()
        if not torch.allclose(whole, apart, rtol=1e-3, atol=1e-3):
            raise InputError(
                f"{self._source}: this architecture ({type(self.model).__name__}) scales or caps its logits after the "
                "head, which distill does not do; take a model without that."
            )

    def backward(
        self,
        passages: Sequence[PassageTargets],
        input_ids: "Mapping[int, np.ndarray]",
        weights: Mapping[str, float],
        total_weight: float,
        logit_chunk: int,
    ) -> dict[str, float]:
        """Add the gradient of sum(weight x KL) / ``total_weight`` over the trained positions of ``passages``.

        Logits exist for ``logit_chunk`` positions at once: each chunk's gradient is taken at once and gathered on the hidden
        states, from which one backward pass goes through the body. Returns the summed, unweighted KL in nats by kind.
        """
        import numpy as np
        import torch

        ids_BL, mask_BL = padded([input_ids[p.passage] for p in passages], self.device)

        def on_device(arrays: "list[np.ndarray]") -> "torch.Tensor":
            return torch.from_numpy(np.concatenate(arrays)).to(self.device)

        rows_T = on_device([np.full(len(p.positions), row) for row, p in enumerate(passages)])
        positions_T = on_device([p.positions.astype(np.int64) for p in passages])
        teacher_ids_TK = on_device([p.ids.astype(np.int64) for p in passages])
        teacher_logprobs_TK = on_device([p.logprobs for p in passages])
        tail_T = on_device([p.tail_logprob for p in passages])
        weight_T = on_device([np.full(len(p.positions), weights[p.kind], dtype=np.float32) for p in passages])

        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            hidden_BLD = self.hidden(ids_BL, mask_BL)
            hidden_TD = hidden_BLD[rows_T, positions_T]
            leaf_TD = hidden_TD.detach().requires_grad_()
            head = self.model.get_output_embeddings()
            kl_parts = []
            for start in range(0, len(rows_T), logit_chunk):
                part = slice(start, start + logit_chunk)
                kl_T = bucketed_kl(head(leaf_TD[part]), teacher_ids_TK[part], teacher_logprobs_TK[part], tail_T[part])
                ((kl_T * weight_T[part]).sum() / total_weight).backward()
                kl_parts.append(kl_T.detach())
        hidden_TD.backward(leaf_TD.grad)
        kl = torch.cat(kl_parts).double().cpu().numpy()
        kinds = np.concatenate([np.full(len(p.positions), p.kind) for p in passages])
        return {kind: float(kl[kinds == kind].sum()) for kind in weights}

    def save(self, folder: Path) -> None:
        """Write an ordinary model folder: safetensors, config, the base's own tokenizer files and generation config."""
        self.model.save_pretrained(folder)
        for name in (*TOKENIZER_FILES, "generation_config.json", "tokenizer.model", "vocab.json", "merges.txt"):
            if (self._source / name).exists():
                shutil.copyfile(self._source / name, folder / name)
