"""How the studio looks: colours, the theme and the few rules of style that the theme does not have."""

from __future__ import annotations

import numpy as np

from ..drawing import style

COLORS = style.COLORS
"""Those of our pictures, which people with any of the common colour blindnesses tell apart."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

THEME = {
    "base": "light",
    "primaryColor": "#0B5FA5",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F6F8",
    "textColor": "#1F2933",
    "borderColor": "#D9DFE5",
    "baseRadius": "0.5rem",
    "showWidgetBorder": "true",
    "font": "sans-serif",
}
GRID, SHADE, MUTED = "#E7ECF0", "#EDF3F8", "#52606D"

FONT = '"Source Sans", sans-serif'

PHONE = 640
"""Pixels of width up to which a page is laid out for a phone."""


def color(place: int) -> str:
    """The colour of a place in the palette."""
    return COLORS[place % len(COLORS)]


def dash(place: int, group: int = 0) -> str:
    """The dash of a line: those of the second round through the palette, and those of further groups, are not solid."""
    return DASHES[(place // len(COLORS) + group) % len(DASHES)]


def plain(text: str) -> str:
    """Text as it is, whatever Markdown would make of it.

    >>> print(plain("values[1]: expected a number"))
    values\\[1\\]\\: expected a number
    """
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>()#+-.!|~:$" else letter for letter in text)


def icon(size: int = 64) -> np.ndarray:
    """The page's icon, drawn: a warmup and a cosine, white on the theme's colour, with round corners."""
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
    u = np.clip((x - 0.14) / 0.72, 0, 1)
    curve = 0.8 - 0.6 * np.where(u < 0.25, u / 0.25, (1 + np.cos(np.pi * (u - 0.25) / 0.75)) / 2)
    slope = np.gradient(curve, 1 / size, axis=1)
    near = np.clip(0.075 * size - size * np.abs(y - curve) / np.hypot(1, slope), 0, 1) * ((x > 0.14) & (x < 0.86))
    corner = np.hypot(np.maximum(np.abs(x - 0.5) - 0.28, 0), np.maximum(np.abs(y - 0.5) - 0.28, 0))
    rgb = np.array([11, 95, 165])
    image = np.empty((size, size, 4), dtype=np.uint8)
    image[..., :3] = rgb + near[..., None] * (255 - rgb)
    image[..., 3] = 255 * np.clip((0.22 - corner) * size, 0, 1)
    return image


STYLE = f"""
[data-testid="stMainBlockContainer"] {{ padding-top: 4.5rem; padding-bottom: 3rem; max-width: 1680px; }}
[data-testid="stSliderThumbValue"], [data-testid="stSliderTickBar"] {{ display: none; }}
[data-stale="true"] {{ opacity: 1 !important; transition: none !important; }}
.st-key-items {{ border: 1px solid #D9DFE5; border-radius: .5rem; padding: .25rem; max-height: 17rem; overflow-y: auto; }}
.st-key-items [class*="st-key-item-"] {{ border-radius: .4rem; padding: 0 .25rem; }}
.st-key-items [class*="-selected"] {{ background: #E8F0F8; }}
.st-key-items [class*="st-key-pick-"] button {{ justify-content: flex-start; min-height: 2.25rem; }}
.st-key-items [class*="st-key-pick-"] button > div {{ justify-content: flex-start; text-align: left; }}
.st-key-items [class*="st-key-pick-"] button::before {{
  content: ""; flex: none; width: .8rem; height: .8rem; border-radius: .25rem; margin-right: .6rem;
}}
.st-key-items [class*="-selected"] [class*="st-key-pick-"] button p {{ font-weight: 600; }}
.st-key-items :is([class*="st-key-hide-"], [class*="st-key-copy-"], [class*="st-key-remove-"]) {{ flex: 0 0 2rem !important; }}
.st-key-items :is([class*="st-key-hide-"], [class*="st-key-copy-"], [class*="st-key-remove-"]) button {{ width: 2rem; min-height: 2rem; }}
:is(.st-key-undo, .st-key-redo, .st-key-items :is([class*="st-key-hide-"], [class*="st-key-copy-"], [class*="st-key-remove-"]))
  button p {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
.st-key-controls [class*="st-key-row-"] [data-testid="stButtonGroup"] button {{ min-height: 1.75rem; padding: 0 .55rem; }}
.st-key-controls [class*="st-key-row-"] [data-testid="stButtonGroup"] button p {{ font-size: .8rem; }}
.st-key-numbers {{ row-gap: .25rem; }}
.st-key-controls [data-testid="stAlert"] p {{ font-size: .875rem; }}
.st-key-controls [class*="st-key-row-"] [data-testid="stAlert"] {{ margin-top: .35rem; }}
.number span {{ color: {MUTED}; font-size: .875rem; }}
.number b {{ font-variant-numeric: tabular-nums; font-weight: 600; }}
@media (max-width: {PHONE}px) {{
  [data-testid="stMainBlockContainer"] {{ padding: 3.75rem .75rem 3rem; }}
  .st-key-page [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-canvas) {{ gap: 1rem; }}
  :is([data-testid="stColumn"], [data-testid="stColumn"] > [data-testid="stVerticalBlock"]):has(:is(.st-key-canvas, .st-key-controls)) {{
    display: contents;
  }}
  :has(> .st-key-canvas) {{ order: 1; }}
  :has(> .st-key-controls) {{ order: 2; }}
  :has(> .st-key-results) {{ order: 3; }}
}}
@media (max-width: {PHONE}px) and (min-height: 720px) {{
  [data-testid="stMain"] {{ scroll-padding-top: 36rem; }}
  :has(> .st-key-canvas) {{ position: sticky; top: 3.2rem; z-index: 20; background: #FFFFFF; margin-top: -.5rem; }}
}}
"""
