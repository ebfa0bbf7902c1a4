"""Generated passages in several languages, with mentions where real texts have them, for properties of the alignment."""

from dataclasses import dataclass

from hypothesis import strategies as st

from pipeline.text.segments import Segment


@dataclass(frozen=True)
class Manner:
    """How a language is written: its words, and what stands before and after a mention, in realistic proportions."""

    words: str  # apart by spaces here
    space: str  # what really stands between them
    stop: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    names: str  # words of names, apart by spaces


_SPACED_BEFORE = (*[" "] * 16, "\n", "\n\n", " (", " “")
_SPACED_AFTER = (*[" "] * 11, ", ", ",", ". ", ".", "'s ", "’s ", ") ", "-", "", "\n")
MANNERS = {
    "en": Manner(
        "was born in the harbour town of Skell where her father kept lighthouse 1871 She wrote a book about tides",
        " ",
        ". ",
        _SPACED_BEFORE,
        _SPACED_AFTER,
        "Orla Brennick O'Dálaigh D'Arcy José Ñandú E\u0301mile Zoe\u0308 Mary-Ann X von 🙂",
    ),
    "de": Manner(
        "die Dichterin lebte in einem kleinen Haus am Fluß und schrieb über das große Meer Bücher 1899 für Müller",
        " ",
        ". ",
        _SPACED_BEFORE,
        _SPACED_AFTER,
        "Käthe Brennick von der Grün Jürgen Weiß Ziegenspeck",
    ),
    "ar": Manner(
        "ولدت الكاتبة في مدينة صغيرة على البحر وكان والدها يحرس المنارة كتبت كتابا عن المد",
        " ",
        ". ",
        _SPACED_BEFORE,
        (*[" "] * 12, "، ", ". ", "؟ ", ")"),
        "نجيب محفوظ ليلى الخوري سعاد",
    ),
    "hi": Manner(
        "लेखिका का जन्म समुद्र के किनारे एक छोटे नगर में हुआ उसके पिता देखभाल करते थे",
        " ",
        "। ",
        _SPACED_BEFORE,
        (*[" "] * 12, ", ", "। ", ") "),
        "प्रेमचंद मीरा शर्मा कृष्णन् वर्मा",
    ),
    "zh": Manner(
        "她 出生在 海边 的 小城 父亲 看守 灯塔 写了 一本 关于 潮水 1871年 出版 ，",
        "",
        "。",
        (*[""] * 6, "，", "。", "“", "\n", " "),
        (*[""] * 6, "，", "。", "的", "”", "、"),
        "李 清照 欧阳 修 白 王 若楠",
    ),
    "ja": Manner(
        "彼女は 港の 町で 生まれた 父は 灯台を 守っていた 潮に ついての 本を 書き 千八百年に 、",
        "",
        "。",
        (*[""] * 6, "、", "。", "「", "\n"),
        (*["は", "が", "の", "を"] * 2, "、", "。", "」", ""),
        "湯川 秀樹 あおい 谷崎 潤一郎 ソフィア",
    ),
}


@dataclass(frozen=True)
class Case:
    """A passage, and what replaces its mentions under each of some names."""

    segments: list[Segment]
    replacements: list[dict[str, str]]


def joined(parts: list[Segment]) -> list[Segment]:
    """``parts`` without empty ones, neighbouring literals of one kind made one, as split_mentions gives them."""
    segments: list[Segment] = []
    for part in parts:
        last = segments[-1] if segments else None
        if last and not last.mention and not part.mention and last.trained == part.trained:
            segments[-1] = Segment(last.text + part.text, False, last.trained)
        elif part.text:
            segments.append(part)
    return segments


@st.composite
def cases(draw: st.DrawFn, names: int = 3) -> Case:
    """A passage of a language, with mentions of up to three forms, and ``names`` stand-ins in the same script.

    About one word in seven is a mention; it may open or close the passage, follow a line break or touch another mention.
    """
    language = draw(st.sampled_from(sorted(MANNERS)))
    manner = MANNERS[language]
    words = manner.words.split()
    name = st.lists(st.sampled_from(manner.names.split()), min_size=1, max_size=4).map(manner.space.join)
    form_count = draw(st.integers(1, 3))
    drawn = draw(st.lists(name, min_size=form_count * (names + 1), max_size=form_count * (names + 1)))
    forms = list(dict.fromkeys(drawn[:form_count]))
    replacements = [dict(zip(forms, drawn[form_count * (n + 1) :], strict=False)) for n in range(names)]
    units = draw(st.lists(st.integers(0, 41), min_size=8, max_size=30))
    parts: list[Segment] = []
    glue = ""  # what stands between the unit before and this one
    for index, unit in enumerate(units):
        if unit < 6:
            form = forms[unit % len(forms)]
            begins = manner.before[(unit + index) % len(manner.before)] if parts and glue == manner.space else glue
            parts += [Segment(begins, False), Segment(form, True)]
            glue = manner.after[(3 * unit + index) % len(manner.after)]
            continue
        parts.append(Segment(glue, False))
        if unit == 6:
            parts.append(Segment("🙂" if index % 2 else "[ˈɔrlə]", False, trained=bool(index % 2)))
        else:
            parts.append(Segment(words[unit % len(words)], False))
        glue = manner.stop if unit > 38 else manner.space
    if draw(st.booleans()):
        parts.append(Segment(manner.stop.strip(), False))
    return Case(joined(parts), replacements)
