"""The fonts of a PDF: Helvetica for what it can write, a Chinese font for the rest.

Helvetica is one of the fonts that every PDF reader has. For Chinese the first of ``CHINESE`` that this machine has
goes into the file; without one the text names ``STSong-Light`` and the reader's own Chinese font draws it (PDF
32000-1, 9.7.5.2: fonts that need not be embedded). Fonts with PostScript outlines (Noto CJK) cannot be embedded by
reportlab, so they are not in the list.
"""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

PLAIN, BOLD, FIXED = "Helvetica", "Helvetica-Bold", "Courier"
READERS_OWN = "STSong-Light"
CHINESE = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
    Path("/usr/share/fonts/wqy-microhei/wqy-microhei.ttc"),
    Path("/System/Library/Fonts/STHeiti Light.ttc"),
    Path("C:/Windows/Fonts/msyh.ttc"),
    Path("C:/Windows/Fonts/simhei.ttf"),
)


@cache
def chinese_font(files: Sequence[Path] = CHINESE) -> str:
    """The name of the font for Chinese text: the first of ``files`` that can be embedded, or the reader's own."""
    for file in files:
        if file.is_file():
            try:
                pdfmetrics.registerFont(TTFont(file.stem, file))
            except TTFError:  # outlines that cannot be embedded: the next one may do
                continue
            return file.stem
    pdfmetrics.registerFont(UnicodeCIDFont(READERS_OWN))
    return READERS_OWN


def marked(text: str) -> str:
    """``text`` as markup of a paragraph, with the Chinese font where the paragraph's own has no letter."""
    parts = []
    for plain, letters in groupby(text, _is_plain):
        part = escape("".join(letters))
        parts.append(part if plain else f'<font name="{chinese_font()}">{part}</font>')
    return "".join(parts)


def _is_plain(letter: str) -> bool:
    """Whether Helvetica has it: its letters are those of Windows' Latin alphabet."""
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
