"""The studio's pages. Streamlit runs this file as a script: `lrcore studio` does it with the options of server.py."""

import gc
from pathlib import Path

import streamlit as st
from PIL import Image

from lrcore.app.look import STYLE, icon, plain
from lrcore.app.schedules_page import page
from lrcore.app.state import unexpected


def main() -> None:
    """Show the page that is chosen; an error nobody expected becomes a sentence."""
    st.set_page_config(page_title="lrcore studio", page_icon=Image.fromarray(icon()), layout="wide", initial_sidebar_state="collapsed")
    pages = [st.Page(page, title="Schedules", icon=":material/show_chart:", url_path="schedules", default=True)]
    experiment = Path(__file__).with_name("experiment_page.py")
    if experiment.exists():
        pages.append(st.Page(experiment, title="Experiment", icon=":material/science:", url_path="experiment"))
    if not gc.get_freeze_count():
        gc.freeze()  # streamlit collects garbage after every run: what is loaded once need not be looked through each time
    chosen = st.navigation(pages, position="top")
    st.html(f"<style>{STYLE}</style>")
    try:
        chosen.run()
    except Exception as error:
        st.error(plain(unexpected(error)), icon=":material/error:")


if __name__ == "__main__":
    main()
