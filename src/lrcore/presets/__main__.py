"""Print docs/presets.md: `python -m lrcore.presets > docs/presets.md`."""

from .page import page

if __name__ == "__main__":
    print(page(), end="")
