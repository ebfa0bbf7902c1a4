"""The engine that a section of params.yaml names, opened on a model folder."""

from pathlib import Path

from pipeline.core.errors import InputError
from pipeline.core.outputs import check_model
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Engine, Prefill
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.engines.vllm_engine import VllmEngine, VllmPrefill


def open_engine(name: str, folder: Path, runtime: RuntimeParams, *, longest: int) -> Engine:
    """The engine ``name`` on the model in ``folder``, for sequences of up to ``longest`` tokens.

    Raises InputError when the engine is not installed, or a sequence exceeds the model's context.
    """
    check_context(folder, longest)
    return TransformersEngine(folder, runtime) if name == "transformers" else VllmEngine(folder, runtime, longest)


def open_prefill(name: str, folder: Path, runtime: RuntimeParams, *, longest: int) -> Prefill:
    """The same, for reading alone."""
    check_context(folder, longest)
    return TransformersEngine(folder, runtime) if name == "transformers" else VllmPrefill(folder, runtime, longest)


def context_of(folder: Path) -> int | None:
    """The context of the model in ``folder``, in tokens, if its config says one. Raises InputError as check_model does."""
    from transformers import AutoConfig

    check_model(folder)
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False).get_text_config()
    return getattr(config, "max_position_embeddings", None)


def check_context(folder: Path, longest: int) -> None:
    """Raise InputError when the model in ``folder`` can't take ``longest`` tokens and one more."""
    context = context_of(folder)
    if context and longest >= context:
        raise InputError(
            f"a text of {longest} tokens, with the room for its answer, does not fit the context of the model in {folder} "
            f"({context} tokens, one of them for the answer); shorten the text, or lower "
            "teacher.sentences_per_passage (documents) or the max_new_tokens of the section that asks (questions)."
        )
