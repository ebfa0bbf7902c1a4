"""docs/names.md, with the forms of sixty people.

python -m tests.text.names_page > docs/names.md
"""

# ruff: noqa: E501

from pipeline.prepare.forms import with_cares
from pipeline.prepare.names import replacements
from pipeline.prepare.targets import Target
from pipeline.text.forms import care_of
from pipeline.text.names import parts_of, surface_forms

NAMED = (
    *("Ludwig van Beethoven", "Vincent van Gogh", "Charles de Gaulle", "Martin Luther King Jr.", "Sir Isaac Newton"),
    *("Queen Victoria", "J. K. Rowling", "Will Smith", "Theresa May", "José Peña"),
)
OTHERS = (
    *("Isaac Newton", "Marie Curie", "Ada Lind", "Leonardo da Vinci", "Ludwig Mies van der Rohe", "Oscar de la Renta"),
    *("Johann Wolfgang von Goethe", "Antoine de Saint-Exupéry", "Simone de Beauvoir", "Vasco da Gama", "Robert De Niro"),
    *("Ursula K. Le Guin", "W. E. B. Du Bois", "Dick Van Dyke", "Van Morrison", "Thomas à Becket", "Osama bin Laden"),
    *("Muhammad ibn Musa al-Khwarizmi", "Miguel de Cervantes Saavedra", "Gabriel García Márquez", "Le Corbusier"),
    *("Sammy Davis Jr.", "Henry Louis Gates, Jr.", "John D. Rockefeller Sr.", "King Charles III", "Elizabeth II"),
    *("Pope Francis", "Mother Teresa", "Saint Francis of Assisi", "Joan of Arc", "Catherine the Great", "Lord Byron"),
    *("Dr. Seuss", "Lady Gaga", "George W. Bush", "C. S. Lewis", "Stephen King", "Mark Twain", "Grace Hopper", "Bill Gates"),
    *("August Strindberg", "Jack Ma", "Malcolm X", "Plato", "Søren Kierkegaard", "Conan O'Brien", "Daniel Day-Lewis"),
    *("Лев Николаевич Толстой", "Людвиг ван Бетховен", "Νίκος Καζαντζάκης"),
)
PAGE = """# Names

This page says how a target's name is found in texts, and lists the forms of sixty people. `nevermet prepare` prints the forms that it found, with their counts in documents, chats and questions, what was left out for the sake of each, and the sentences in which something much like a form was not taken for one.

- **Parts.** Title, given name, family name with its particles, suffix. A title, a suffix, an initial or an article alone is no form. The family name counts with its particles and without.
- **Writings.** What the texts hold of capitals throughout, small letters (names of two words or more), no accents, typographic apostrophes and hyphens is found too; its stand-in is written in the same way.
- **Others.** A given name before another family name or a number is somebody else ("Isaac Asimov", "Charles II").
- **Common words.** A part that is a word too (a month, "Will", whatever the texts write small as often) counts inside a sentence only, and not in a date, behind an article or behind another's given name. A family name that is a title too ("King") counts at the beginning of a sentence as well. Write such a form into `surface_forms` and it counts everywhere.
- **Too common.** A form that stands in more than half of the retain passages or general questions (and in three of them) is refused.

`python -m tests.text.names_page > docs/names.md` writes this page; the stand-in is made from the pool's line "Orla Tobias Brennick", or as many of its words as the name has. Forms marked ¹ count where they name nobody else, ² not as a title, ³ not as a common word (here without any text to learn such words from).

| target | forms | stand-in |
| --- | --- | --- |
"""
_MARKS = {"": "", "name": "¹", "title": "²", "word": "³"}


def page() -> str:
    """The page as it should be."""
    rows = []
    for name in (*NAMED, *OTHERS):
        target = with_cares(Target(name, "person", surface_forms(name, "person", ())), [])
        first, *middle, last = ("Orla", "Tobias", "Edwin", "Brennick")
        count = len(parts_of(name).names())
        line = " ".join([first, *middle[: count - 2], last] if count > 1 else [first])
        forms = ", ".join(f"{form}{_MARKS[care_of(form)]}" for form in target.surface_forms if form != name)
        rows.append(f"| {name} | {forms} | {replacements(target, line)[name]} |\n")
    return PAGE + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
