"""The Experiment page, as a script of streamlit's; what it shows is in experiment_view.py."""

from lrcore.app.experiment_view import page

page()
