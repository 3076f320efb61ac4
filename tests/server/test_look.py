"""What the pages of the server look like: one set of colors, that everybody can read."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from firecrawl_interact.server import live_page

TEXT = 4.5  # WCAG 2.2, 1.4.3: of text against its ground.
PARTS = 3.0  # 1.4.11: of what shows that there is a field.
GROUNDS = ("ground", "bar", "panel", "field", "hover")
PAGES = ("live_view", "replay", "dashboard", "login", "refusal")


def colors(scheme: str) -> dict[str, str]:
    """
    Read the colors of light or dark pages, by name; the dark ones replace some of the light.
    """
    text, _ = live_page.part("look.css") or ("", "")
    light, dark = re.findall(r":root \{(.+?)\}", text, re.DOTALL)
    found = dict(re.findall(r"--([\w-]+): #(\w{6});", light))
    return found | (dict(re.findall(r"--([\w-]+): #(\w{6});", dark)) if scheme == "dark" else {})


def luminance(color: str) -> float:
    """
    Compute how bright a color looks, from 0 to 1, as WCAG does.
    """
    parts = [int(color[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """
    Compute the contrast of two colors, from 1 to 21.
    """
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_and_white_is_the_highest():
    """
    The measure itself is right.
    """
    assert 21 == round(contrast("000000", "ffffff"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["text", "soft", "good", "warn", "bad"])
def test_text_can_be_read_on_every_ground(scheme: str, name: str):
    """
    Every color of text has the contrast of level AA, in light and in dark.
    """
    seen = colors(scheme)

    assert [] == [ground for ground in GROUNDS if contrast(seen[name], seen[ground]) < TEXT]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_buttons_badges_and_fields_can_be_told_apart(scheme: str):
    """
    Text on colored buttons, colored text on bars and panels, and the edges of fields.
    """
    seen = colors(scheme)

    assert [] == [name for name in ("accent", "bad") if contrast(seen["on-color"], seen[name]) < TEXT]
    assert [] == [ground for ground in ("bar", "panel") if contrast(seen["accent"], seen[ground]) < TEXT]
    assert [] == [
        name for name in GROUNDS[:-1] if name != "ground" and contrast(seen["edge"], seen[name]) < PARTS
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_the_same_look(page: str):
    """
    Colors are written in one file only, and every page loads it first.
    """
    static = files("firecrawl_interact.server").joinpath("static")
    text = static.joinpath(f"{page}.html").read_text(encoding="utf-8")
    styles = re.findall(r'href="[^"]*?(\w+)\.css"', text)
    written = [
        name
        for name in styles
        if name != "look"
        and re.search(r":\s*#[0-9a-f]{3,8}\b", static.joinpath(f"{name}.css").read_text(encoding="utf-8"))
    ]

    assert "look" == styles[0]
    assert [] == written
