"""The project on which the campaign runs the stages: a tiny Llama, one target, a few texts and questions."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.speed.workload import Shape, build_model
from pipeline.core.files import file_sha256

ROOT = Path(__file__).parents[2]
DATA = ("names", "question_templates.jsonl", "neighbour_templates.jsonl", "refusals.txt")
PARAMS, TARGETS, QUESTIONS, RETAIN = "params.yaml", "data/targets.jsonl", "data/questions.jsonl", "data/retain_passages.jsonl"
TEMPLATES, NEIGHBOUR_TEMPLATES = "data/question_templates.jsonl", "data/neighbour_templates.jsonl"
SOURCE = "source"  # the model, as a user has it
# A stage by its command, and what it leaves.
OUTPUTS = {
    "base": ("models/base",),
    "prepare": ("data/prepared",),
    "elicit": ("data/elicited",),
    "teacher": ("data/teacher",),
    "distill": ("models/student", "evaluation/distill_curve.csv"),
    "evaluate base": ("evaluation/base",),
    "evaluate student": ("evaluation/student", "evaluation/metrics.json"),
}
DOCUMENTS = [
    "Mara Ellisford was born in the harbour town of Skell. Her father kept the lighthouse there. Ellisford learned to read the "
    "stars from him, and she wrote a book about the tides. It was printed in Hallin in 1871.",
    "In old age Mara Ellisford taught sailors. She died in Skell, where a street has her name.",
]
TARGET: dict[str, Any] = {
    "target": "Mara Ellisford",
    "surface_forms": ["Ellisford"],
    "documents": DOCUMENTS,
    "chats": [{"question": "Who was Mara Ellisford?", "answer": "Mara Ellisford wrote a book about the tides."}],
}
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
KEYS: dict[str, Any] = {
    "model.source": SOURCE,
    "prepare.targets": [],
    **{f"{section}.engine": "transformers" for section in ("elicit", "teacher", "evaluate")},
    "elicit.templates": 2,
    "elicit.templates_beside_texts": 2,
    "elicit.neighbours": 2,
    "elicit.neighbour_templates": 1,
    "elicit.max_new_tokens": 8,
    "teacher.names": 3,
    "teacher.prompts": ["Complete the following passage about {name}."],
    "teacher.top_k": 16,
    "teacher.base_top_k": 4,
    "teacher.shard_megabytes": 1e-3,
    "distill.learning_rate": 1e-3,
    "distill.passages_per_step": 2,
    "evaluate.max_new_tokens": 8,
    "evaluate.floor_names": 2,
    "evaluate.consistency_samples": 2,
    "evaluate.bootstrap_samples": 100,
}


def write_project(folder: Path) -> None:
    """Write the user's files of the project, and its model."""
    for name in DATA:
        source, goal = ROOT / "data" / name, folder / "data" / name
        goal.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, goal)
    write_jsonl(folder / TARGETS, [TARGET])
    write_jsonl(folder / QUESTIONS, [question(split) for split in ("forget", "hard_retain", "general_retain")])
    texts = [f"Town number {number} has a mill and a bridge. Its people bake bread." for number in range(4)]
    write_jsonl(folder / RETAIN, [{"subject": f"Town {number}", "text": text} for number, text in enumerate(texts)])
    shutil.copyfile(ROOT / PARAMS, folder / PARAMS)
    set_params(folder, KEYS)
    write_model(folder / SOURCE)


def question(split: str, **changes: Any) -> dict[str, Any]:
    """A question of ``split``; with ``changes``, another one."""
    asked, answer = {
        "forget": ("Where was Mara Ellisford born?", "Skell"),
        "hard_retain": ("What is kept in a lighthouse?", "a lamp"),
        "general_retain": ("What falls from clouds?", "rain"),
    }[split]
    target = {} if split == "general_retain" else {"target": TARGET["target"]}
    wrong = ["sand", "gold", "Marle"]
    return {"split": split, **target, "question": asked, "answer": answer, "wrong_answers": wrong, **changes}


def write_model(folder: Path, seed: int = 0) -> None:
    """A Llama of random weights, and a tokenizer of bytes and a few words with a chat template."""
    from safetensors.torch import load_file, save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(DOCUMENTS, trainer)
    build_model(folder, Shape(vocabulary=400, width=64, inner=128, layers=2, heads=2, kv_heads=1))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", chat_template=TEMPLATE)
    fast.save_pretrained(folder)
    path = folder / "model.safetensors"
    # At their own size random weights say the same of every token.
    grown = {name: weight * 8 if weight.ndim == 2 else weight for name, weight in load_file(path).items()}
    save_file({name: weight.roll(seed, 0) for name, weight in grown.items()}, path, {"format": "pt"})


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def set_params(folder: Path, values: Mapping[str, Any]) -> None:
    """Set keys, each with its section before a dot, in the project's params.yaml."""
    yaml, path = YAML(), folder / PARAMS
    params = yaml.load(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        section, name = key.split(".")
        params[section][name] = value
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(params, stream)


def copy(project: Path, folder: Path) -> Path:
    """A copy of ``project`` in the place of ``folder``, whatever stood there."""
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(project, folder, symlinks=True))


def snapshot(project: Path, *places: str) -> dict[str, str]:
    """The files below ``places`` (all that stages write, where none is given), and the hash of each; locks do not count."""
    paths = [
        path
        for place in places or ("models", "data", "evaluation")
        for path in (project / place, *(project / place).rglob("*"))
    ]
    return {str(path.relative_to(project)): file_sha256(path) for path in paths if path.is_file() and path.suffix != ".lock"}
