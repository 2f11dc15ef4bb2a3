"""The list of references is labelled as the text cites: by author and year."""

from typing import Any

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx


class AuthorYearLabels(BaseLabelStyle):
    """Such as "Lee et al., 2015" and "Roulet and Harchaoui, 2023"."""

    def format_labels(self, sorted_entries: list[Any]) -> Any:
        for entry in sorted_entries:
            names = [" ".join([*person.prelast_names, *person.last_names]) for person in entry.persons["author"]]
            names = [name.replace("{", "").replace("}", "") for name in names]
            who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
            yield f"{who}, {entry.fields['year']}"


class AuthorYearList(Style):
    """pybtex's plain style under these labels."""

    default_label_style = AuthorYearLabels


def setup(app: Sphinx) -> dict[str, bool]:
    register_plugin("pybtex.style.formatting", "author_year_list", AuthorYearList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
