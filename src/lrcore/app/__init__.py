"""The studio: a page in the browser to choose schedules on, which ends in code to paste. `lrcore studio` starts it.

canvas.py      what is on the page, as one value; making.py: its plans; starting.py, writing.py, links.py: from and to words
curves.py      what is drawn of it; chart.py: as plotly wants it; plot.py: drawn in the browser; look.py: colours
state.py       the value in a session, with undo; controls.py, ...: what shows it and changes it
main.py        the script that streamlit runs; server.py: how it is started
"""

from .server import start

__all__ = ["start"]
