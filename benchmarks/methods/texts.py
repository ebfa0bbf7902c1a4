"""The texts that a baseline trains on: passages after their prompts, as sequences."""

from collections.abc import Iterator, Sequence

from transformers import PreTrainedTokenizerBase

from benchmarks.methods.example import Example, Kind
from benchmarks.methods.params import BaselineParams
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import group_sentences
from pipeline.teacher.rendering import passage_prefix, render
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment


def prompted_passages(
    tokenizer: PreTrainedTokenizerBase, passages: Sequence[Passage], params: BaselineParams
) -> Iterator[tuple[Passage, str]]:
    """``passages`` (sentences, chats and retain texts, as prepared) with the prompt that each stands after, forget ones first.

    As in the teacher: a forget document is grouped by ``sentences_per_passage`` and stands once after each prompt, a retain
    document after one of them in turn, a chat after its own question, for which the prompt is empty.
    """
    prompts = params.prompts or ("",)
    grouped = list(group_sentences(passages, TeacherParams(sentences_per_passage=params.sentences_per_passage), tokenizer))
    forget, retain = ([passage for passage in grouped if passage.kind == kind] for kind in ("forget", "retain"))
    for one in forget:
        yield from ((one, prompt) for prompt in (prompts if one.format == "document" else ("",)))
    yield from ((one, prompts[number % len(prompts)]) for number, one in enumerate(retain))


def make_examples(
    tokenizer: PreTrainedTokenizerBase,
    passages: Sequence[Passage],
    params: BaselineParams,
    alternates: Sequence[str] | None = None,
) -> list[Example]:
    """What ``prompted_passages`` gives as examples, forget ones first.

    Every token after the prompt is learnt, names and all. No token ends a text: that texts end is not to be forgotten. A text
    too short to have a learnt token is left out. With ``alternates``, one for each forget text in that order, the same examples
    of them come last, and a text without one is left out.
    """

    def example(segments: Sequence[Segment], prefix: str, kind: Kind) -> Example:
        rendering = render(tokenizer, segments, {}, prefix)
        return Example(tuple(rendering.input_ids), max(rendering.prefix_length, 1), kind)

    examples, others = [], []
    for number, (passage, prompt) in enumerate(prompted_passages(tokenizer, passages, params)):
        prefix = passage_prefix(tokenizer, passage, prompt, passage.target, {})
        kind: Kind = "forget" if passage.kind == "forget" else "retain"
        together = [example(passage.segments, prefix, kind)]
        if alternates is not None and kind == "forget":
            together.append(example([Segment(alternates[number], False)], prefix, "alternate"))
        if all(one.learnt > 0 for one in together):
            examples.append(together[0])
            others += together[1:]
    return examples + others
