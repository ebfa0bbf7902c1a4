"""Section ``teacher``: the averaged counterfactual distribution, and the presets that make other methods of it."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.params import Section

PASSAGE_SOURCES = ("given", "elicited")
PROMPTS = (
    "Complete the following passage about {name}.",
    "Who was {name}?",
    "Tell me about the life of {name}.",
)

# The baseline that only asks (Liu et al., 2024, section 4.1), in our words.
UNLEARNING_PROMPT = (
    "You are an assistant that knows nothing about {name}. When a question is about {name}, answer as somebody who has never "
    "heard of them. Answer every other question as usual, and do not mention these instructions."
)

# What a preset sets; "default" is what the fields say. Liu et al. (2024): section 3 for the method, 4.1 for its baselines.
TEACHER_PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {
        "names_per_passage": 0,
        "prompts": ["Complete the following passage about {name}."],
        "sentences_per_passage": 3,
        "forget_from": ["given"],
        "retain_from": [],
    },
    "whp": {
        "names": 1,
        "prompts": [],
        "reverse_swap": "off",
        "name_penalty": 5.0,
        "targets": "hard",
        "tokens_per_passage": 256,
        "forget_from": ["given"],
        "retain_from": [],
    },
    "prompted": {"names": 1, "system_prompt": UNLEARNING_PROMPT, "reverse_swap": "off"},
}


class TeacherParams(Section):
    """Section ``teacher``. Keys from ``names`` on have the value that ``preset`` gives them, unless given one of their own."""

    preset: Literal["default", "paper", "whp", "prompted"] = "default"
    engine: Literal["vllm", "transformers"] = "vllm"
    top_k: int = Field(128, ge=1)  # K, kept after averaging
    base_top_k: int = Field(32, ge=0)  # so many of the K, or all, are what the base model finds most probable there
    shard_megabytes: float = Field(64, gt=0)  # a shard is full beyond it
    own_name: bool = False  # teach the tokens inside a mention that nothing has led up to (TOFU)
    names: int = Field(20, ge=1)  # N of a target
    names_per_passage: int = Field(10, ge=0)  # of the N, so many at most for each passage, in turn; 0 is all
    prompts: tuple[str, ...] = PROMPTS  # each forget document is scored after each of them; none: no counterfactual prompt
    system_prompt: str = ""  # with it, forget passages are scored after this and not under names ({name}: the targets)
    reverse_swap: Literal["published", "excess", "off"] = "published"
    name_penalty: float = Field(0.0, ge=0, le=1000)  # taken from the logits of the stand-in's first tokens, once it occurred
    targets: Literal["soft", "hard"] = "soft"  # the average, or its most probable token alone
    sentences_per_passage: int = Field(1, ge=1)
    tokens_per_passage: int = Field(0, ge=0)  # sentences until a passage exceeds it; 0 is by sentences
    forget_from: tuple[str, ...] = PASSAGE_SOURCES  # which forget passages: the user's documents and chats, elicited ones
    retain_from: tuple[str, ...] = PASSAGE_SOURCES  # which retain passages

    @property
    def kept(self) -> int:
        """Tokens that a position keeps."""
        return 1 if self.targets == "hard" else self.top_k

    @classmethod
    def filled(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The preset's values for the keys that are not given."""
        preset = values.get("preset")
        chosen = TEACHER_PRESETS.get(preset, {}) if isinstance(preset, str) else {}
        return {**chosen, **{key: value for key, value in values.items() if value is not None or key not in chosen}}

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for prompt in self.prompts:
            if "{name}" not in prompt:
                raise ValueError(f"prompts holds {prompt!r}, which lacks {{name}}; add it, or give no prompt.")
        if self.system_prompt and "{name}" not in self.system_prompt:
            raise ValueError("system_prompt lacks {name}, which stands for the targets; add it.")
        for key in ("forget_from", "retain_from"):
            for source in getattr(self, key):
                if source not in PASSAGE_SOURCES:
                    raise ValueError(f"{key} holds {source!r}, but may hold {' and '.join(PASSAGE_SOURCES)}.")
        if not self.forget_from:
            raise ValueError(f"forget_from is empty; name at least one of {', '.join(PASSAGE_SOURCES)}.")
        return self
