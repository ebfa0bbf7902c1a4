"""Ask the base model about the targets and their neighbours, and make chat passages of what it says.

So what the model really knows is covered, in the form in which it will be asked. Answers about a target are forget passages
like any text; answers about its neighbours are retain passages under their own names.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.elicit.templates import Templates, questions_about
from pipeline.elicit.verdict import KEPT, verdict, whole_sentences
from pipeline.engines.interface import open_engine
from pipeline.errors import InputError
from pipeline.params import ElicitParams, RuntimeParams
from pipeline.prepare.passages import chat_passage
from pipeline.progress import progress_bar
from pipeline.segments import mentions
from pipeline.tables import Passage, TargetFacts
from pipeline.tokenizer import load_tokenizer, question_prefix, tokenize

_BATCH = 32  # prompts given to the engine at once, so that progress shows


@dataclass(frozen=True)
class Question:
    """A question about ``subject``, asked for the sake of ``target``."""

    target: str
    subject: str
    kind: str  # "forget" or "retain"
    text: str
    names: tuple[str, ...]  # by which the subject is known


def plan(targets: Sequence[TargetFacts], templates: Templates, params: ElicitParams) -> list[Question]:
    """What is asked: ``templates`` questions about each target, ``neighbour_templates`` about each of its neighbours."""
    questions: list[Question] = []
    if not params.templates:
        return questions
    for target in targets:
        for text in questions_about(templates, target.target, target.kind, target.language, params.templates, params.seed):
            questions.append(Question(target.target, target.target, "forget", text, target.surface_forms))
    asked: set[str] = set()
    forms = [form for target in targets for form in target.surface_forms]
    for target in targets:
        free = [n for n in target.neighbours if n not in asked and not mentions(n, forms)]
        for name in free[: params.neighbours]:
            asked.add(name)
            for text in questions_about(templates, name, "other", target.language, params.neighbour_templates, params.seed):
                questions.append(Question(target.target, name, "retain", text, (name,)))
    return questions


def to_ask(targets: Sequence[TargetFacts], with_texts: Collection[str], params: ElicitParams) -> list[TargetFacts]:
    """The targets to ask about: those of which no text is given, or all of them."""
    return [target for target in targets if params.of == "all" or target.target not in with_texts]


def elicit(
    model: Path,
    asked: Sequence[TargetFacts],
    targets: Sequence[TargetFacts],
    templates: Templates,
    refusals: Sequence[str],
    params: ElicitParams,
    runtime: RuntimeParams,
) -> list[dict[str, Any]]:
    """One row an answer about ``asked`` or their neighbours: target, subject, kind, question, answer, verdict.

    See verdict.verdict. A retained answer that mentions one of ``targets`` is not kept: it would undo the forgetting.
    """
    tokenizer = load_tokenizer(model)
    questions = plan(asked, templates, params)
    if not questions:
        return []
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, question.text))[0] for question in questions]
    longest = max(map(len, prompts)) + params.max_new_tokens
    engine = open_engine(params.engine, model, runtime, longest=longest, top_k=1)
    sampled: list[list[list[int]]] = []
    with progress_bar(len(prompts), "question", "elicit") as bar:
        for kind, answers in (("forget", params.answers), ("retain", 1)):
            own = [prompt for prompt, question in zip(prompts, questions, strict=True) if question.kind == kind]
            for start in range(0, len(own), _BATCH):
                part = own[start : start + _BATCH]
                sampled += engine.sample(
                    part,
                    params.max_new_tokens,
                    answers=answers,
                    temperature=params.temperature,
                    seed=params.seed * 1_000_000 + len(sampled) * params.answers,
                )
                bar.update(len(part))
    forms = [form for target in targets for form in target.surface_forms]
    seen: dict[str, set[str]] = {}
    rows = []
    for question, answers_ids in zip(sorted(questions, key=lambda q: q.kind != "forget"), sampled, strict=True):
        for ids in answers_ids:
            answer = whole_sentences(str(tokenizer.decode(ids, skip_special_tokens=True)).strip())
            said = seen.setdefault(question.text, set())
            judged = verdict(answer, question.names, refusals, said)
            if judged == KEPT and question.kind == "retain" and mentions(answer, forms):
                judged = "mentions a target"
            said.add(answer)
            rows.append(
                {
                    "target": question.target,
                    "subject": question.subject,
                    "kind": question.kind,
                    "question": question.text,
                    "answer": answer,
                    "verdict": judged,
                }
            )
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
    forms = {target.target: target.surface_forms for target in targets}
    return [
        chat_passage(
            row["subject"], row["kind"], row["question"], row["answer"], forms[row["target"]] if row["kind"] == "forget" else ()
        )
        for row in rows
        if row["verdict"] == KEPT
    ]
