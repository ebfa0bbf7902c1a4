"""All shards of a run: render, align, score, swap, average, write; what an earlier run finished is taken up.

Refused before anything is scored: too few names, targets without a passage, a tokenizer that can't be aligned.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import InputError
from pipeline.core.files import published_folder, work_folder, write_json
from pipeline.core.outputs import write_parquet
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import check_limits, open_engine
from pipeline.shards.schema import MANIFEST, PASSAGES, passages_schema
from pipeline.shards.writer import PassageRows, passage_table, write_shard
from pipeline.teacher.average import TaughtPassage, teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer, render_all
from pipeline.teacher.manifest import summary, teacher_facts
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import group_sentences
from pipeline.teacher.reverse_swap import penalised_tokens
from pipeline.teacher.scores import ScoreStore
from pipeline.teacher.work import ShardWork, engine_fingerprint, work_fingerprint
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import text_of
from pipeline.text.tokenizer import load_tokenizer, offsets_follow_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def build_shards(
    model: Path,
    params: TeacherParams,
    runtime: RuntimeParams,
    passages: Sequence[Passage],
    names: Mapping[str, Sequence[CounterfactualName]],
    output: Path,
) -> dict[str, Any]:
    """Write the teacher folder (shards, passages.parquet, manifest.json) to ``output`` and return the manifest.

    At most the shard in progress is lost by a crash; the next call with the same inputs goes on after the last finished one.
    """
    check_names(names, params.names)
    tokenizer = load_tokenizer(model)
    top_k = needed_top_k(tokenizer, params, names)
    check_limits(model, longest=0, top_k=top_k)
    check_tokenizer(tokenizer, passages, model)
    rendered = render_all(Renderer(tokenizer, params, names), group_sentences(passages, params, tokenizer), params.prompts)
    check_taught(rendered, names, params)

    facts, engine = teacher_facts(model, params, names), engine_fingerprint(model, params, runtime, top_k)
    work = ShardWork(work_fingerprint(facts, engine, params, rendered, names))
    numbers = range(len(rendered))
    shards = [numbers[start : start + params.passages_per_shard] for start in numbers[:: params.passages_per_shard]]
    waiting = [index for index in range(len(shards)) if not work.is_done(index)]
    longest = max(len(r.input_ids) for passage in rendered for r in passage.renderings)
    store = ScoreStore(
        work_folder() / f"scores-{engine[:16]}" if runtime.keep_scores else None,
        lambda: open_engine(params.engine, model, runtime, longest=longest, top_k=top_k),
        top_k,
    )
    to_score = [r for index in waiting for number in shards[index] for r in rendered[number].renderings]
    with progress_bar(sum(len(r.input_ids) for r in to_score if not store.has(r)), "tok", "teacher") as bar:
        for index in waiting:
            # All renderings of a shard are scored in one batch, then averaged passage by passage.
            scores = iter(store.score([r for number in shards[index] for r in rendered[number].renderings], bar.update))
            tables = []
            for number in shards[index]:
                taught = teach(rendered[number], [next(scores) for _ in rendered[number].renderings], params)
                tables.append(passage_table(passage_rows(number, rendered[number], taught), tokenizer))
            work.write(index, partial(write_shard, tables=tables, facts=facts))

    with published_folder(output) as folder:
        work.copy_shards(folder, len(shards))
        write_parquet(folder / PASSAGES, [_as_read(number, one) for number, one in enumerate(rendered)], passages_schema())
        manifest = {**facts, **summary(folder, rendered)}
        write_json(folder / MANIFEST, manifest)
    work.remove()
    return manifest


def needed_top_k(
    tokenizer: "PreTrainedTokenizerBase", params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]
) -> int:
    """The k to ask of the engine: with a penalty, enough that a token which is not penalised stays on top."""
    if not params.name_penalty:
        return params.scored_top_k
    kept = params.top_k if params.targets == "soft" else 1
    penalised = [len(penalised_tokens(tokenizer, n.name)) for drawn in names.values() for n in drawn[: params.names]]
    return max([params.scored_top_k, *(count + kept for count in penalised)])


def passage_rows(number: int, rendered: RenderedPassage, taught: TaughtPassage) -> PassageRows:
    """What a shard says of passage ``number``."""
    passage, ids = rendered.passage, rendered.original.input_ids
    distribution = {**vars(taught.averaged), "swapped_mass": taught.swapped_mass}
    return PassageRows(number, passage.target, passage.kind, ids, taught.positions, **distribution)


def _as_read(number: int, rendered: RenderedPassage) -> dict[str, Any]:
    """Passage ``number`` as the student reads it: a row of passages.parquet."""
    passage, original = rendered.passage, rendered.original
    return {
        "passage": number,
        "target": passage.target,
        "kind": passage.kind,
        "format": passage.format,
        "question": text_of(passage.question) or None,
        "text": original.text[original.segment_starts[0] :],
        "input_ids": original.input_ids,
        "prefix_length": original.prefix_length,
    }


def check_names(names: Mapping[str, Sequence[CounterfactualName]], wanted: int) -> None:
    """Raise InputError when a target has fewer names than ``wanted``."""
    for target, drawn in names.items():
        if len(drawn) < wanted:
            raise InputError(
                f"params.yaml: teacher.names is {wanted}, but the pool has {len(drawn)} names for {target!r}; lower it, or add "
                "names to its language's file in data/names."
            )


def check_taught(rendered: Sequence[RenderedPassage], targets: Iterable[str], params: TeacherParams) -> None:
    """Raise InputError when no passage is about one of ``targets``: it would not be forgotten, and nothing would say so."""
    taught = {r.passage.target for r in rendered if r.passage.kind == "forget"}
    for target in targets:
        if target not in taught:
            raise InputError(
                f"params.yaml: teacher.forget_from ({', '.join(params.forget_from)}) leaves no forget passage about "
                f"{target!r}; elicit some (elicit.of, elicit.templates), or give documents or chats."
            )


def check_tokenizer(tokenizer: "PreTrainedTokenizerBase", passages: Sequence[Passage], model: Path) -> None:
    """Raise InputError when the tokenizer's offsets say something else than what stands in the passages."""
    for text in (text_of(passage.segments) for passage in passages[:50]):
        if not offsets_follow_text(tokenizer, text):
            raise InputError(
                f"{model}: the tokenizer's offsets do not follow the text {text[:40]!r}, so its tokens can't be aligned; "
                "use the model's original tokenizer.json."
            )
