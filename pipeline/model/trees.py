"""A causal model that reads a tree: what it is called with, and whether it reads each sequence as if it stood alone.

Shapes: T tokens of the tree, L of a sequence, D width.
"""

import math
from functools import cached_property
from typing import Any

from pipeline.core.batching import Tree, trees

_PROBE = [1, 2, 3], [1, 2, 4]
# Of what one token more in its context changes at the second's last token: so much may the tree be off, by rounding.
_ROUNDING = {"torch.float32": 1e-4, "torch.bfloat16": 0.1, "torch.float16": 0.1}
_COLUMN_WINDOWS = ("window_size", "attention_window_size", "attention_chunk_size")  # counted along the row, whatever the mask


class TreeReader:
    """``model`` on ``device``, called with trees in place of padded rows."""

    def __init__(self, model: Any, device: str) -> None:
        self._model, self._device = model, device

    def inputs(self, tree: Tree) -> dict[str, Any]:
        """What the model or its body is called with; the mask has the type that is computed in."""
        import torch

        ids_1T, positions_1T, sees_11TT = tree.tensors(self._device)
        if len(tree.paths) == 1:
            return {"input_ids": ids_1T, "use_cache": False}
        autocast = torch.is_autocast_enabled(self._device)
        dtype = torch.get_autocast_dtype(self._device) if autocast else self._model.dtype
        mask_11TT = torch.zeros_like(sees_11TT, dtype=dtype).masked_fill(~sees_11TT, torch.finfo(dtype).min)
        return {"input_ids": ids_1T, "position_ids": positions_1T, "attention_mask": mask_11TT, "use_cache": False}

    def room(self, longest: int, most: int) -> int:
        """Tokens that a tree of sequences of up to ``longest`` may have: ``most``, or less; 0 where each is read alone.

        A mask that is given knows of no sliding window, so no sequence may be longer than that.
        """
        config = self._model.config.get_text_config()
        window, context = (getattr(config, key, None) or math.inf for key in ("sliding_window", "max_position_embeddings"))
        if longest > window or any(getattr(config, key, None) for key in _COLUMN_WINDOWS) or not self._reads_trees:
            return 0
        return int(min(most, context))

    @cached_property
    def _reads_trees(self) -> bool:
        """Tried with a small one, without dropout, in the weights' precision. State-space models, say, do not."""
        import torch

        first, second = _PROBE
        (tree,) = trees(_PROBE, 4)
        training = self._model.training
        self._model.eval()
        try:
            with torch.no_grad(), torch.autocast(self._device, enabled=False):
                together_TD = self._last(self.inputs(tree))
                alone_LD, longer_TD = (self._last(self._alone(ids)) for ids in (second, [*first, second[-1]]))
        except Exception:  # whatever an architecture says to a mask that it does not know
            return False
        finally:
            self._model.train(training)
        error = (together_TD[tree.paths[1][-1]] - alone_LD[-1]).abs().max()
        return bool(error <= _ROUNDING[str(self._model.dtype)] * (longer_TD[-1] - alone_LD[-1]).abs().max())

    def _alone(self, ids: list[int]) -> dict[str, Any]:
        return self.inputs(next(trees([ids], len(ids))))

    def _last(self, inputs: dict[str, Any]) -> Any:
        """Last hidden states, float32 [T, D]."""
        return self._model.base_model(**inputs).last_hidden_state[0].float()
