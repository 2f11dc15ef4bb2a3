"""Labels and numbers as a reader sees or hears them."""

import html
import re

_MARKUP = re.compile(r"&lt;(/?(?:sub|sup|i))&gt;")


def plain_text(label: str) -> str:
    """Return a label for a screen reader: without the markup."""
    return re.sub(r"</?(?:sub|sup|i)>", "", label)


def label_html(label: str) -> str:
    """Return a label for the page: `<sub>`, `<sup>` and `<i>` stay, everything else is escaped."""
    return _MARKUP.sub(r"<\1>", html.escape(label))


def number_text(value: float, unit: str = "") -> str:
    """Return a number as a reader sees it, to three digits, with its unit: "3.2×10⁻⁵ s"."""
    text = f"{value:.3g}"
    if "e" in text:
        digits, exponent = text.split("e")
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{digits}×10{power}"
    else:
        text = text.replace("-", "−")
    return f"{text} {unit}" if unit else text
