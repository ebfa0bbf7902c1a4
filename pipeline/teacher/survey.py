"""What is known before anything is read: how many passages, how long, and whether they can be taught at all."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from pipeline.core.errors import InputError, ParamError
from pipeline.engines.open import check_context, context_of
from pipeline.teacher.counterfactuals import Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import in_order
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import text_of
from pipeline.text.tokenizer import Tokenizer, offsets_follow_text, tokenize

Names = Mapping[str, Sequence[CounterfactualName]]  # by target


@dataclass(frozen=True)
class Survey:
    """What a pass over the passages finds."""

    passages: int
    longest: int  # at least the tokens of the longest rendering
    tokens: float  # about, of all texts: their bytes, by how many bytes a token has in the first of them
    fingerprint: str  # of the passages and the prompts they are read after


def survey(
    passages: Iterable[Passage], names: Names, params: TeacherParams, tokenizer: Tokenizer, renderer: Renderer, model: Path
) -> Survey:
    """Go once through ``passages``.

    Raises InputError for a target with too few names or no forget passage, which would not be forgotten without a word; for a
    tokenizer whose offsets say something else than what stands in the text; for a passage too long for the model.
    """
    for target, drawn in names.items():
        if len(drawn) < params.names:
            raise ParamError(
                f"teacher.names is {params.names}, but the pool has {len(drawn)} names for {target!r}; lower it, "
                "or add names to its language's file in data/names."
            )
    first = [text_of(passage.segments) for passage in islice(passages, 50)]
    for text in first:
        if not offsets_follow_text(tokenizer, text):
            raise InputError(
                f"{model}: the tokenizer's offsets do not follow the text {text[:40]!r}, so its tokens can't be aligned; "
                "use the model's original tokenizer.json."
            )
    tokens_a_byte = sum(len(tokenize(tokenizer, text)[0]) for text in first) / max(sum(len(t.encode()) for t in first), 1)
    count, size, longest, content, taught, context = 0, 0, 1, hashlib.sha256(), set(), context_of(model)
    for passage, prompt in in_order(passages, params, tokenizer):
        count, size = count + 1, size + len(text_of(passage.segments).encode())
        content.update(json.dumps([asdict(passage), prompt], ensure_ascii=False).encode())
        tokens = renderer.longest(passage, prompt)
        if context and tokens >= context:
            tokens = max(len(rendering.input_ids) for rendering in renderer.render(passage, prompt).renderings)
            check_context(model, tokens)
        longest = max(longest, tokens)
        if passage.kind == "forget":
            taught.add(passage.target)
    for target in names:
        if target not in taught:
            raise ParamError(
                f"teacher.forget_from ({', '.join(params.forget_from)}) leaves no forget passage about "
                f"{target!r}; elicit some (elicit.templates), or give documents or chats."
            )
    return Survey(count, longest, size * tokens_a_byte, content.hexdigest())
