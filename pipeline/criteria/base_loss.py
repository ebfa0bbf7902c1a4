"""How strange an answer is: its mean token loss under the base model, which has not been touched.

An answer that fell apart is one that no ordinary model would give; the base's loss says so without a judge.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.evaluate.multiple_choice import answer_tokens
from pipeline.params import RuntimeParams
from pipeline.tokenizer import load_tokenizer


def base_losses(base: Path, rows: Sequence[Mapping[str, Any]], runtime: RuntimeParams) -> list[float | None]:
    """Mean loss in nats a token of each row's response after its question, by the model in ``base``; None for no response."""
    tokenizer = load_tokenizer(base)
    asked = [answer_tokens(tokenizer, row["question"], row["response"]) if row["response"] else None for row in rows]
    scores = iter(TransformersEngine(base, runtime).score([one[0] for one in asked if one], top_k=1))
    return [float(-next(scores).next_logprobs[one[1] - 1 :].mean()) if one else None for one in asked]
