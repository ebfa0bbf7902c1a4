"""The engine that a section of params.yaml names, opened on a model folder."""

from pathlib import Path

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Engine
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.engines.vllm_engine import VllmEngine


def open_engine(
    name: str, folder: Path, runtime: RuntimeParams, *, longest: int, top_k: int, shared_prefixes: bool = False
) -> Engine:
    """The engine ``name`` on the model in ``folder``, for sequences of up to ``longest`` tokens.

    ``shared_prefixes``: prompts begin alike, so that vLLM may read the beginning once; for generation only.
    Raises InputError when the engine is not installed, a sequence exceeds the model's context, or ``top_k`` its vocabulary.
    """
    check_limits(folder, longest=longest, top_k=top_k)
    if name == "transformers":
        return TransformersEngine(folder, runtime)
    return VllmEngine(folder, runtime, longest=longest, top_k=top_k, shared_prefixes=shared_prefixes)


def check_limits(folder: Path, *, longest: int, top_k: int) -> None:
    """Raise InputError when the model in ``folder`` can't take ``longest`` tokens or give ``top_k`` of them."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False).get_text_config()
    if top_k > config.vocab_size:
        raise InputError(
            f"teacher.scored_top_k is {top_k}, but the engine can give at most the model's whole vocabulary of "
            f"{config.vocab_size} tokens; lower it and teacher.top_k in params.yaml."
        )
    context = getattr(config, "max_position_embeddings", None)
    if context and longest >= context:
        raise InputError(
            f"a text of {longest} tokens, with the room for its answer, does not fit the context of the model in {folder} "
            f"({context} tokens, one of them for the answer); shorten the text, or lower "
            "teacher.sentences_per_passage (documents) or the max_new_tokens of the section that asks (questions)."
        )
