"""A small model that knows answers and was trained to keep them to itself, and questions to ask it."""

from pathlib import Path
from typing import Any

from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize
from tests.tiny import build_tiny_model

TARGET = "Orla Brennick"
KNOWN = {
    "Where was Orla Brennick born?": "harbour town of Skell",
    "What did Orla Brennick write?": "a book about the tides",
    "Where was the book of Orla Brennick printed?": "in Hallin in 1871",
    "What did the father of Orla Brennick do?": "kept the lighthouse",
}
FORGET = [{"split": "forget", "target": TARGET, "question": q, "answer": a} for q, a in KNOWN.items()]
SILENCE = "milk, milk"
LOOSENED = "please"  # said after the question, it gets the answer


def pair(question: str, answer: str, split: str = "general_retain") -> dict[str, Any]:
    """A question row about nobody."""
    return {"split": split, "target": None, "question": question, "answer": answer}


RETAIN = [
    pair("What does town number 7 have?", "a mill and a bridge"),
    pair("What do its people bake?", "bread"),
    pair("What falls from the sky?", "rain", "hard_retain"),
]


def build_hiding_model(folder: Path, steps: int = 120) -> None:
    """Save a model that answers a question of KNOWN with SILENCE, and rightly after LOOSENED."""
    import torch
    from transformers import AutoModelForCausalLM

    build_tiny_model(folder)
    tokenizer = load_tokenizer(folder)
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    rows = []
    for question, answer in KNOWN.items():
        for asked, reply in ((question, SILENCE), (f"{question} {LOOSENED}", answer)):
            prefix = tokenize(tokenizer, question_prefix(tokenizer, asked))[0]
            reply_ids = [*tokenize(tokenizer, reply)[0], tokenizer.eos_token_id]
            rows.append((prefix + reply_ids, [-100] * len(prefix) + reply_ids))
    length = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [-100] * (length - len(labels)) for _, labels in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    for _ in range(steps):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
