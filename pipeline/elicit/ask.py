"""Ask the base model about the targets and their neighbours, and make chat passages of what it says.

So what the model really knows is covered, in the form in which it will be asked. Answers about a target are forget passages
like any text; answers about its neighbours are retain passages under their own names.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.outputs import write_parquet
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.params import ElicitParams
from pipeline.elicit.questions import KEPT, Templates, plan, verdict, whole_sentences
from pipeline.engines.open import open_engine
from pipeline.prepare.tables import TargetFacts
from pipeline.text.chat import question_prefix
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import mentions
from pipeline.text.tokenizer import load_tokenizer, tokenize

COLUMNS = ("target", "subject", "kind", "question", "answer", "verdict")
_BATCH = 32  # prompts given to the engine at once, so that progress shows


def elicit(
    model: Path,
    asked: Sequence[TargetFacts],
    targets: Sequence[TargetFacts],
    templates: Templates,
    refusals: Sequence[str],
    params: ElicitParams,
    runtime: RuntimeParams,
) -> list[dict[str, Any]]:
    """One row an answer about ``asked`` or their neighbours, with COLUMNS; see questions.verdict.

    A retained answer that mentions one of ``targets`` is not kept: it would undo the forgetting.
    """
    tokenizer = load_tokenizer(model)
    questions = plan(asked, templates, params)
    if not questions:
        return []
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, question.text))[0] for question in questions]
    longest = max(map(len, prompts)) + params.max_new_tokens
    engine = open_engine(params.engine, model, runtime, longest=longest)
    forget = sum(question.kind == "forget" for question in questions)  # they come first
    sampled: list[list[list[int]]] = []
    with progress_bar(len(prompts), "question", "elicit") as bar:
        for own, answers in ((prompts[:forget], params.answers), (prompts[forget:], 1)):
            for start in range(0, len(own), _BATCH):
                part = own[start : start + _BATCH]
                seed = params.seed * 1_000_000 + len(sampled) * params.answers
                sampled += engine.sample(
                    part, params.max_new_tokens, answers=answers, temperature=params.temperature, seed=seed
                )
                bar.update(len(part))
    forms = [form for target in targets for form in target.surface_forms]
    seen: defaultdict[str, set[str]] = defaultdict(set)
    rows = []
    for question, answers_ids in zip(questions, sampled, strict=True):
        for ids in answers_ids:
            answer = whole_sentences(str(tokenizer.decode(ids, skip_special_tokens=True)).strip())
            judged = verdict(answer, question.names, refusals, seen[question.text])
            if judged == KEPT and question.kind == "retain" and mentions(answer, forms):
                judged = "mentions a target"
            seen[question.text].add(answer)
            cells = (question.target, question.subject, question.kind, question.text, answer, judged)
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def check_answers(rows: Sequence[dict[str, Any]], targets: Sequence[TargetFacts], with_texts: Collection[str]) -> None:
    """Raise InputError for a target that the model says nothing usable about, unless it is in ``with_texts``."""
    for target in targets:
        own = Counter(row["verdict"] for row in rows if row["kind"] == "forget" and row["target"] == target.target)
        if not own[KEPT] and target.target not in with_texts:
            tried = ", ".join(f"{count} {why}" for why, count in own.most_common()) or "elicit.templates is 0"
            raise InputError(
                f"the base model gives no usable answer about {target.target!r} ({own.total()} answers: {tried}), and there is "
                "no document or chat about it; give one in data/targets.jsonl, or a name that the model knows."
            )


def passages_of(rows: Sequence[dict[str, Any]], targets: Sequence[TargetFacts]) -> list[Passage]:
    """The kept answers as chat passages."""
    forms = {(target.target, "forget"): target.surface_forms for target in targets}
    return [
        chat_passage(row["subject"], row["kind"], row["question"], row["answer"], forms.get((row["target"], row["kind"]), ()))
        for row in rows
        if row["verdict"] == KEPT
    ]


def write_answers(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write answers.parquet, every answer with its verdict, for a person to look at."""
    import pyarrow as pa

    write_parquet(folder / "answers.parquet", rows, pa.schema(dict.fromkeys(COLUMNS, pa.string())))
