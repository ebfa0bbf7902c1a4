"""A causal model that reads a tree: what it is called with, and whether it reads each sequence as if it stood alone.

Shapes: T tokens of the tree, L of a sequence, D width.
"""

import math
from functools import cached_property
from typing import Any

from pipeline.core.batching import Tree, trees


class TreeReader:
    """``model`` on ``device``, called with trees in place of padded rows."""

    def __init__(self, model: Any, device: str) -> None:
        self._model, self._device = model, device

    def inputs(self, tree: Tree) -> dict[str, Any]:
        """What the model or its body is called with."""
        import torch

        ids_1T, positions_1T, sees_11TT = tree.tensors(self._device)
        if len(tree.paths) == 1:
            return {"input_ids": ids_1T, "use_cache": False}
        dtype = self._model.dtype
        mask_11TT = torch.zeros_like(sees_11TT, dtype=dtype).masked_fill(~sees_11TT, torch.finfo(dtype).min)
        return {"input_ids": ids_1T, "position_ids": positions_1T, "attention_mask": mask_11TT, "use_cache": False}

    def reads(self, longest: int) -> bool:
        """Whether it reads trees of sequences of up to ``longest`` tokens: a mask that is given knows of no window."""
        window = getattr(self._model.config.get_text_config(), "sliding_window", None) or math.inf
        return longest <= window and self._reads_trees

    @cached_property
    def _reads_trees(self) -> bool:
        """Tried with a small one, without dropout. State-space models, say, do not."""
        import torch

        (tree,) = trees(probe := [[1, 2, 3], [1, 2, 4]], 4)
        close = 1e-4 if self._model.dtype == torch.float32 else 1e-2
        training = self._model.training
        self._model.eval()
        try:
            with torch.no_grad():
                together_TD = self._model.base_model(**self.inputs(tree)).last_hidden_state[0]
                for index, ids in enumerate(probe):
                    ids_1L = torch.tensor([ids], device=self._device)
                    alone_LD = self._model.base_model(input_ids=ids_1L, use_cache=False).last_hidden_state[0]
                    if not torch.allclose(together_TD[tree.paths[index]], alone_LD, rtol=close, atol=close):
                        return False
        except Exception:  # whatever an architecture says to a mask that it does not know
            return False
        finally:
            self._model.train(training)
        return True
