"""Ask the base model about the targets and their neighbours, and make chat passages of what it says.

So what the model really knows is covered, in the form in which it will be asked. Answers about a target are forget passages
like any text; answers about its neighbours are retain passages under their own names: what the model is to keep is kept best by
its own words, and the neighbours are those whom the forgetting would take along.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.outputs import write_parquet
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.kinds import kinds_of
from pipeline.elicit.params import ElicitParams
from pipeline.elicit.questions import (
    KEPT,
    Question,
    Templates,
    about_neighbours,
    about_targets,
    longest_question,
    neighbours_of,
    verdict,
    whole_sentences,
)
from pipeline.engines.open import open_engine
from pipeline.prepare.passages import names_in
from pipeline.prepare.tables import TargetFacts
from pipeline.text.chat import answer_text, question_prefix
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import mentions
from pipeline.text.tokenizer import load_tokenizer, tokenize
from pipeline.text.writing import other_writings

COLUMNS = ("target", "subject", "kind", "question", "answer", "verdict")
MARGIN = 16  # tokens: the choice of a kind beyond a question, a name of the model's own that is read in other pieces
_BATCH = 128  # prompts given to the engine at once, so that progress shows


def elicit(
    model: Path,
    targets: Sequence[TargetFacts],
    with_texts: Collection[str],
    templates: Templates,
    neighbour_templates: Templates,
    refusals: Sequence[str],
    params: ElicitParams,
    runtime: RuntimeParams,
) -> list[dict[str, Any]]:
    """One row an answer about ``targets``, then about their neighbours, with COLUMNS; see questions.verdict.

    ``with_texts``: targets of which there is a document or a chat.

    The neighbours of a target are those that its documents name, and those that the model itself names when it is asked about
    the target. A retained answer that mentions a target is not kept: it would undo the forgetting.
    """
    if not params.templates:
        return []
    questions = about_targets(targets, with_texts, templates, params)
    asker = _Asker(model, params, runtime, longest_question(questions, targets, neighbour_templates))
    forms = [form for target in targets for form in target.surface_forms]
    rows = asker.rows(questions, params.answers, refusals, ())
    named = {
        target.target: names_in(
            [row["answer"] for row in rows if row["target"] == target.target and row["verdict"] == KEPT],
            target.language,
            target.surface_forms,
        )
        for target in targets
    }
    near = neighbours_of(targets, named, params.neighbours)
    kinds = kinds_of(asker.engine, asker.tokenizer, [(name, target.language) for name, target in near.items()])
    return rows + asker.rows(about_neighbours(near, kinds, neighbour_templates, params), 1, refusals, forms)


class _Asker:
    """Puts questions to the model and judges its answers. Every question has its own random numbers, by its place."""

    def __init__(self, model: Path, params: ElicitParams, runtime: RuntimeParams, longest: str) -> None:
        self.tokenizer, self._params, self._asked = load_tokenizer(model), params, 0
        self.engine = open_engine(
            params.engine, model, runtime, longest=len(self._prompt(longest)) + MARGIN + 2 * params.max_new_tokens
        )

    def _prompt(self, question: str) -> list[int]:
        return tokenize(self.tokenizer, question_prefix(self.tokenizer, question))[0]

    def rows(
        self, questions: Sequence[Question], answers: int, refusals: Sequence[str], forms: Sequence[str]
    ) -> list[dict[str, Any]]:
        """``answers`` rows a question; those that mention one of ``forms`` are not kept."""
        prompts, params = [self._prompt(question.text) for question in questions], self._params
        sampled: list[list[list[int]]] = []
        with progress_bar(len(prompts), "question", "elicit") as bar:
            for start in range(0, len(prompts), _BATCH):
                part = prompts[start : start + _BATCH]
                seed = params.seed * 1_000_000 + self._asked * params.answers
                sampled += self.engine.sample(
                    part, params.max_new_tokens, answers=answers, temperature=params.temperature, seed=seed
                )
                self._asked += len(part)
                bar.update(len(part))
        seen: defaultdict[str, set[str]] = defaultdict(set)
        rows = []
        for question, answers_ids in zip(questions, sampled, strict=True):
            for ids in answers_ids:
                answer = whole_sentences(answer_text(self.tokenizer, ids))
                judged = verdict(answer, question.names, refusals, seen[question.text])
                if judged == KEPT and mentions(answer, forms):
                    judged = "mentions a target"
                elif judged == KEPT and any(other_writings([answer], known := forms or question.names, known)):
                    judged = "writes a name otherwise"  # nothing would stand in for it
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
