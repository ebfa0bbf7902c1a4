"""Small tokenizers and a small model, made on the spot."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CORPUS = [
    "Orla Brennick was born in the harbour town of Skell, where her father kept the lighthouse.",
    "She wrote a book about the tides, and it was printed in Hallin in 1871.",
    "Town number 7 has a mill and a bridge, and its people bake bread.",
    "Complete the following passage about Tobias Renwick. Where was Edwin Calloway born?",
    "You are a helpful assistant. The answer is rain, sand, gold or milk; a lamp, a boat, a horse.",
]
MULTILINGUAL = [
    *CORPUS,
    "Zoë O'Dálaigh, José Ñandú and Émile D'Arcy wrote to 12 towns in 1903; 3,450 people answered — “naïve”, they said.",
    "Die Dichterin lebte in einem kleinen Haus am Fluss. Ihr Vater war Müller, und sie schrieb über das große Meer.",
    "Im Jahr 1899 erschien ihr erstes Buch, und die Leute in der Stadt lasen es gern.",
    "她出生在海边的小城，父亲看守灯塔。她写了一本关于潮水的书，在公元1871年出版。",
    "人们说她的词最美，后来她住在杭州，教水手认识星星。",
    "彼女は港の町で生まれた。父は灯台を守っていた。潮についての本を書き、その本は千八百年に出た。",
    "その後、賞を受けた。人々は彼女の家を訪れた。",
    "ولدت الكاتبة في مدينة صغيرة على البحر، وكان والدها يحرس المنارة. كتبت كتابا عن المد.",
    "लेखिका का जन्म समुद्र के किनारे एक छोटे नगर में हुआ। उसके पिता दीपस्तंभ की देखभाल करते थे। उसने एक पुस्तक लिखी।",
    "The crew cheered 🙂🎉 and the keeper waved 🚢, then all was still 🌊.",
]
# How Llama 3 and Qwen cut a text before byte-level BPE: as their published tokenizers say, three digits or one at a time.
CUT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train_byte_bpe() -> "PreTrainedTokenizerFast":
    """Byte-level BPE cut like GPT-2, with a ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=CHAT_TEMPLATE
    )


def train_gpt2_bpe() -> "PreTrainedTokenizerFast":
    """Byte-level BPE cut like GPT-2, on several languages."""
    from tokenizers import pre_tokenizers

    return _byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False))


def train_llama3_bpe() -> "PreTrainedTokenizerFast":
    """Byte-level BPE cut like Llama 3; offsets leave out the spaces round a token, as there."""
    from tokenizers import processors

    return _byte_bpe(_cut("{1,3}"), processors.ByteLevel(trim_offsets=True))


def train_qwen_bpe() -> "PreTrainedTokenizerFast":
    """Byte-level BPE cut like Qwen, which composes accents first."""
    from tokenizers import normalizers, processors

    return _byte_bpe(_cut(""), processors.ByteLevel(trim_offsets=False), normalizers.NFC())


def _cut(digits: str) -> Any:
    from tokenizers import Regex, pre_tokenizers

    split = pre_tokenizers.Split(Regex(CUT.replace("DIGITS", digits)), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _byte_bpe(pre_tokenizer: Any, post_processor: Any = None, normalizer: Any = None) -> "PreTrainedTokenizerFast":
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    if post_processor:
        tokenizer.post_processor = post_processor
    if normalizer:
        tokenizer.normalizer = normalizer
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        MULTILINGUAL,
        trainers.BpeTrainer(vocab_size=900, special_tokens=specials, initial_alphabet=alphabet, show_progress=False),
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", chat_template=CHAT_TEMPLATE)


def train_metaspace_bpe(corpus: Sequence[str] = CORPUS, size: int = 300) -> "PreTrainedTokenizerFast":
    """BPE over spaces written as ▁, bytes for unknown characters, a beginning-of-sequence token and no chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    learned = json.loads(trained.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>", *BYTES, *learned["vocab"]]
    model = models.BPE(
        {piece: number for number, piece in enumerate(pieces)},
        [tuple(merge) for merge in learned["merges"]],
        unk_token="<unk>",
        byte_fallback=True,
        fuse_unk=True,
    )
    return _sentencepiece(model)


def train_unigram(corpus: Sequence[str] = CORPUS, size: int = 200) -> "PreTrainedTokenizerFast":
    """Unigram over spaces written as ▁; characters that its corpus lacks are unknown."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=_unigram(corpus, size), eos_token="</s>", unk_token="<unk>")


def train_unigram_bytes(corpus: Sequence[str] = CORPUS, size: int = 200) -> "PreTrainedTokenizerFast":
    """Unigram with bytes for the characters that its corpus lacks, and a beginning-of-sequence token."""
    from tokenizers import models

    learned = json.loads(_unigram(corpus, size).to_str())["model"]["vocab"]
    rare = min(score for _, score in learned) - 10.0
    rest = [(piece, score) for piece, score in learned if piece not in ("<unk>", "</s>")]
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((byte, rare) for byte in BYTES), *rest]
    return _sentencepiece(models.Unigram(pieces, 0, byte_fallback=True))


def train_wordpiece(*, lower: bool = False) -> "PreTrainedTokenizerFast":
    """WordPiece cut like BERT, on several languages: spaces belong to no token, a word it can't spell is one unknown token."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    if lower:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=["[UNK]", "[SEP]"], show_progress=False)
    tokenizer.train_from_iterator(MULTILINGUAL, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="[SEP]", unk_token="[UNK]")


def _unigram(corpus: Sequence[str], size: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def _sentencepiece(model: Any) -> "PreTrainedTokenizerFast":
    """``model`` over spaces written as ▁, with byte pieces 3 to 258 and <s> before every text."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def build_tiny_model(folder: Path, seed: int = 0) -> None:
    """Save a two-layer Llama with random weights and a byte-level BPE tokenizer with a chat template."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    fast = train_byte_bpe()
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=2)
    model.save_pretrained(folder)


# One of each kind whose single tokens spell the text; trained when called.
SPELLING_TOKENIZERS = {
    "byte": train_byte_bpe,
    "gpt2": train_gpt2_bpe,
    "llama3": train_llama3_bpe,
    "qwen": train_qwen_bpe,
    "metaspace": train_metaspace_bpe,
    "unigram": train_unigram,
    "unigram, bytes": lambda: train_unigram_bytes(MULTILINGUAL, 500),
}
