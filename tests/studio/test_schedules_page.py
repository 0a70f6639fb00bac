"""The Schedules page in a real browser: mouse, keyboard, a phone, and what is taken home from it."""

import csv
import io
import re
from contextlib import suppress

import numpy as np
import pytest
from playwright.sync_api import TimeoutError, expect

import lrcore as lr
from lrcore.app.canvas import Canvas
from lrcore.app.links import from_document, opened, to_link
from lrcore.expression import from_expression

FOCUSED = """(() => {
    let focused = document.activeElement;
    while (focused.shadowRoot && focused.shadowRoot.activeElement) focused = focused.shadowRoot.activeElement;
    return focused.getAttribute("aria-label") || focused.innerText;
})()"""
CHART = "document.querySelector('.js-plotly-plot')"


@pytest.fixture
def schedules(page):
    """The page with its first schedule drawn."""
    return shown(page, Canvas())


def shown(page, canvas):
    page.goto(f"/?canvas={to_link(canvas)}" if canvas.items else "/")
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    page.wait_for_function(f"{CHART}._fullData && {CHART}._fullData.length > 0")
    return settled(page)


def settled(page):
    page.settled()
    return page


def canvas_of(*texts):
    canvas = Canvas()
    for text in texts:
        canvas = opened(text, canvas=canvas)
    return canvas


def lines(page):
    """{name: (x, y)} of every line plotly draws."""
    found = page.evaluate(f"{CHART}._fullData.map(trace => [trace.name, Array.from(trace.x), Array.from(trace.y)])")
    return {name: (np.array(x), np.array(y)) for name, x, y in found}


def waits(page, condition):
    """Wait for a condition on the values of the first line."""
    page.wait_for_function(f"() => {{ const y = Array.from({CHART}._fullData[0].y); return {condition}; }}")


def choose(page, entry, name):
    """Pick from a list by the keyboard: type, and Enter when the list has it first; again, if a scroll of the page closed the list."""
    wanted = page.get_by_role("option").first.filter(has_text=re.compile(rf"^{name}( ·|$)"))
    entry.scroll_into_view_if_needed()
    asked = page.answers.asked
    for _ in range(5):
        entry.focus()
        page.wait_for_timeout(100)  # what the focus scrolls has then been scrolled
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(name)
        with suppress(TimeoutError):
            wanted.wait_for(timeout=5_000)
            page.keyboard.press("Enter")
        if page.answers.more_than(asked):
            return
    raise AssertionError(f"the list does not offer {name}")


def add(page, name):
    entry = page.get_by_label("Add a schedule", exact=False).first
    entry.click()
    entry.fill(name)
    page.get_by_role("option", name=re.compile(rf"^{name} ·")).click()
    expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    settled(page)


def pick(page, name):
    page.locator('[data-testid="stSegmentedControl"], [data-testid="stButtonGroup"]').get_by_text(name, exact=True).first.click()
    settled(page)


def code(page):
    return page.locator(".st-key-results").get_by_test_id("stCode")


def test_two_schedules_a_drag_and_the_code(schedules, shoot):
    page = schedules
    add(page, "cosine")
    add(page, "wsd")
    drawn = lines(page)
    assert len(drawn) == 3
    recipe = lr.recipes()["wsd"]
    np.testing.assert_array_equal(drawn["wsd"][1], recipe(**recipe.example)(drawn["wsd"][0]))
    shoot("schedules")

    slider = page.get_by_role("slider", name="peak slider")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.45 * box["width"], middle)
    page.mouse.down()
    for i in range(12):
        page.mouse.move(box["x"] + (0.45 + 0.01 * i) * box["width"], middle)
        page.wait_for_timeout(20)
    page.wait_for_function(f"Math.max(...{CHART}._fullData[2].y) != {recipe.example['peak']}")  # the hand has not let go yet
    shoot("dragging")
    page.mouse.up()
    page.wait_for_timeout(1000)
    settled(page)
    peak = float(slider.get_attribute("aria-valuetext"))
    assert float(page.get_by_label("peak", exact=True).input_value()) == peak != recipe.example["peak"]
    wanted = recipe(**{**recipe.example, "peak": peak})
    np.testing.assert_array_equal(lines(page)["wsd"][1], wanted(lines(page)["wsd"][0]))

    pick(page, "lrcore")
    expect(code(page)).to_contain_text("lr.wsd(")
    code(page).hover()
    code(page).get_by_role("button").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    namespace = {}
    exec(copied, namespace)
    assert namespace["plan"] == lr.Plan(wanted)

    pick(page, "PyTorch")
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    namespace = {"optimizer": optimizer}
    expect(code(page)).to_contain_text("torch")
    exec(code(page).locator("code").inner_text(), namespace)
    rates = []
    for _ in range(1100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        namespace["scheduler"].step()
    np.testing.assert_allclose(rates, wanted.values(1100), rtol=1e-12, atol=1e-18)


def test_the_keyboard_alone(schedules):
    page = schedules
    choose(page, page.get_by_role("combobox", name="Add a schedule"), "one_cycle")
    expect(page.get_by_label("div", exact=True)).to_be_visible()
    settled(page)
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
        if seen[-1] == "div slider":
            break
    assert seen[-1] == "div slider"
    wanted = ["Name", "peak", "peak slider", "steps slider", "up", "up slider", "div", "div slider"]
    assert [name for name in seen if name in wanted] == wanted  # in the order they are read
    before = float(lines(page)["one_cycle"][1][0])
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{CHART}._fullData[1].y[0] != {before!r}")
    page.keyboard.press("End")
    page.wait_for_function(f"{CHART}._fullData[1].y[0] == {0.1 / 1000!r}")


def test_bad_input_is_a_sentence_beside_it_and_the_curve_stays(page, shoot):
    shown(page, canvas_of("warmup_cosine(3e-4, warmup=100, steps=1000)", "cosine(1e-4, 0, 1000)").but(selected=1))
    before = lines(page)
    field = page.get_by_label("warmup", exact=True)
    field.fill("-5")
    field.press("Tab")
    sentence = page.locator(".st-key-row-1-lr-warmup").get_by_role("alert")
    expect(sentence).to_contain_text("warmup_cosine.warmup: expected an integer ≥ 0")
    settled(page)
    shoot("bad_input")
    for name, (x, y) in lines(page).items():
        np.testing.assert_array_equal((x, y), before[name])
    field.fill("200")
    field.press("Tab")
    expect(sentence).to_be_hidden()
    waits(page, "y[200] == 3e-4 && y[199] < 3e-4")


def test_an_expression_typed_in(page, shoot):
    shown(page, canvas_of("linear(0, 1, 100) >> cosine(1, 0, 900).repeat(2, decay=0.5)"))
    entry = page.get_by_label("expression", exact=True)
    entry.fill("linear(0, 1, 100) >> cosin(1, 0, 900)")
    entry.press("Control+Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Did you mean cosine?")
    entry.fill("linear(0, 1, 100) >> cosine(1, 0.5, 900)")
    entry.press("Control+Enter")
    waits(page, "y[y.length - 1] == 0.5")
    shoot("expression")


def test_groups_momentum_and_epochs(page, shoot):
    canvas = canvas_of("one_cycle(0.1, steps=1000)")
    shown(page, canvas)
    page.get_by_text("Momentum, weight decay and other fields").click()
    entry = page.get_by_label("Add a field")
    expect(entry).to_be_visible()
    settled(page)  # what is drawn anew would close a list
    choose(page, entry, "momentum")
    entry = page.get_by_role("combobox", name="momentum", exact=True)
    expect(entry).to_be_visible()
    settled(page)
    choose(page, entry, "one_cycle_momentum")
    page.wait_for_function(f"{CHART}.layout.yaxis2 && {CHART}.layout.yaxis2.title.text == 'momentum'")
    settled(page)
    page.get_by_text("Parameter groups").click()
    settled(page)
    for count in (1, 2):
        page.get_by_role("button", name="Add a group").click()
        expect(page.get_by_label("Group", exact=True)).to_have_count(count)
        settled(page)
    factor = page.get_by_label("Rate ×").first
    factor.fill("0.1")
    factor.press("Tab")
    settled(page)
    page.get_by_text("The run", exact=True).click()
    expect(page.get_by_label("Batch size", exact=True)).to_be_visible()
    settled(page)
    for label, value in (("Batch size", 50), ("Dataset size", 5000)):
        field = page.get_by_label(label, exact=True)
        field.fill(str(value))
        field.press("Tab")
        settled(page)
    page.get_by_text("epochs", exact=True).first.click()
    page.wait_for_function(f"{CHART}.layout.xaxis.title.text == 'epoch'")
    page.evaluate("window.scrollTo(0, 0)")
    shoot("groups")
    names = list(lines(page))
    assert names[0].endswith("backbone") and names[1].endswith("head")
    assert lines(page)[names[0]][0].max() == 10.0


def test_a_link_carries_the_canvas(page):
    canvas = canvas_of("wsd(3e-4, warmup=0.1, decay=0.2, steps=1000, shape='sqrt')", "0.1 * cosine(1e-3, 0, 800)").but(log=True)
    shown(page, canvas)
    before = lines(page)
    page.get_by_role("button", name="Link").click()
    link = page.get_by_role("dialog").or_(page.get_by_test_id("stPopoverBody")).get_by_test_id("stCode").locator("code").inner_text()
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator(".js-plotly-plot")).to_be_visible()
    other.wait_for_function(f"{CHART}._fullData && {CHART}._fullData.length == 2")
    for name, (x, y) in lines(other).items():
        np.testing.assert_array_equal((x, y), before[name])
    assert other.evaluate(f"{CHART}.layout.yaxis.type") == "log"


def test_a_broken_link_is_a_sentence(page):
    page.goto("/?canvas=eJyrVkouT")
    expect(page.get_by_role("alert").first).to_contain_text("link: expected the link of a canvas, complete")
    expect(page.locator(".js-plotly-plot")).to_be_visible()


def test_files_are_taken_home(page, shoot):
    canvas = canvas_of("warmup_cosine(3e-4, warmup=100, steps=1000)")
    shown(page, canvas)
    page.get_by_role("tab", name="Files").click()
    settled(page)

    def file(label):
        with page.expect_download() as download:
            page.get_by_role("button", name=label, exact=True).click()
        return download.value.path().read_bytes()

    rate = from_expression("warmup_cosine(3e-4, warmup=100, steps=1000)")
    header, *rows = csv.reader(io.StringIO(file("CSV").decode()))
    assert header == ["step", "lr"]
    np.testing.assert_array_equal([float(value) for _, value in rows], rate.values(1000))
    assert lr.from_json(file("Plan (JSON)")) == lr.Plan(rate)
    assert from_document(file("Canvas (JSON)")) == canvas
    assert file("PNG").startswith(b"\x89PNG") and b"<svg" in file("SVG")


@pytest.mark.parametrize("tab", ["Phases", "Checks"])
def test_tabs(page, shoot, tab):
    shown(page, canvas_of("wsd(3e-4, warmup=100, decay=200, steps=1000)"))
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_role("table") if tab == "Phases" else page.get_by_text("zero-start")).to_be_visible()
    shoot(tab.lower())


def test_a_billion_steps(page):
    shown(page, canvas_of("constant(0.1, 123_456_789) >> constant(0.7, 1) >> constant(0.1, 10**9)"))
    assert max(lines(page)["expression"][1]) == 0.7


WATCH = """() => {
    window.seen = { frames: 0, blank: 0, charts: new Set(), curves: new Set() };
    const look = () => {
        const chart = document.querySelector(".js-plotly-plot"), line = chart?.querySelector(".scatterlayer path.js-line");
        seen.frames++;
        if (!(line?.getBoundingClientRect().width > 50)) seen.blank++;
        else seen.charts.add(chart) && seen.curves.add(line.getAttribute("d"));
        requestAnimationFrame(look);
    };
    look();
}"""


class TestChart:
    def test_a_drag_changes_the_curve_in_place(self, page):
        shown(page, canvas_of("one_cycle(0.1, steps=1000)"))
        box = page.get_by_role("slider", name="up slider").bounding_box()
        page.evaluate(WATCH)
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
        page.mouse.down()
        for i in range(60):
            page.mouse.move(box["x"] + (0.3 + 0.01 * i) * box["width"], box["y"] + box["height"] / 2)
            page.wait_for_timeout(30)
        page.mouse.up()
        settled(page)
        seen = page.evaluate("({...seen, charts: seen.charts.size, curves: seen.curves.size})")
        assert seen["frames"] > seen["curves"] > 3
        assert seen["blank"] == 0 and seen["charts"] == 1

    def test_a_zoom_stays_until_the_axes_mean_something_else(self, schedules):
        page = schedules
        box = page.locator(".js-plotly-plot .draglayer .nsewdrag").first.bounding_box()
        height = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.2 * box["width"], height)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], height, steps=5)
        page.mouse.up()
        page.wait_for_function(f"{CHART}.layout.xaxis.range[0] > 150")
        zoomed = page.evaluate(f"{CHART}.layout.xaxis.range")
        assert zoomed == pytest.approx([200, 600], abs=20)
        add(page, "cosine")
        start = page.get_by_role("slider", name="start slider")
        before = page.evaluate(f"{CHART}.layout.yaxis.range")
        start.focus()
        page.keyboard.press("PageUp")
        page.wait_for_function(f"{CHART}.layout.yaxis.range[1] > {before[1]}")
        settled(page)
        assert len(lines(page)) == 2
        assert page.evaluate(f"{CHART}.layout.xaxis.range") == zoomed
        page.get_by_text("Log scale", exact=True).click()
        page.wait_for_function(f"{CHART}.layout.yaxis.type == 'log'")
        assert page.evaluate(f"{CHART}.layout.xaxis.range") == [0, 1000]

    def test_the_whole_screen(self, schedules):
        page = schedules
        chart = page.locator(".js-plotly-plot")
        height = chart.bounding_box()["height"]
        chart.hover()
        page.locator('[data-title="Fullscreen"]').click()
        page.wait_for_function(f"document.fullscreenElement === {CHART} && {CHART}.layout.height == window.innerHeight")
        chart.hover()
        page.locator('[data-title="Fullscreen"]').click()
        page.wait_for_function(f"{CHART}.layout.height == {height}")


class TestPhone:
    @pytest.fixture(autouse=True)
    def small(self, page):
        page.set_viewport_size({"width": 390, "height": 844})

    def test_nothing_is_wider_than_the_page(self, page, shoot):
        shown(page, canvas_of("warmup_cosine(3e-4, warmup=100, steps=1000)", "one_cycle(5e-4, steps=1000)"))
        shoot("phone")
        for scroll in range(6):
            wide = page.evaluate(
                """() => [...document.querySelectorAll('[data-testid="stMain"] *')].filter(each => {
                    const box = each.getBoundingClientRect();
                    return box.width && box.right > innerWidth + 1 && !each.closest('pre, [role="tablist"], svg');
                }).map(each => each.outerHTML.slice(0, 120))"""
            )
            assert wide == []
            assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
            page.locator('[data-testid="stMain"]').evaluate("(main, y) => main.scrollTo(0, y)", 500 * (scroll + 1))
            page.wait_for_timeout(100)
            if scroll == 0:
                shoot("phone_controls")

    def test_the_curve_is_in_sight_while_a_slider_is_moved(self, page):
        shown(page, canvas_of("one_cycle(5e-4, steps=1000)"))
        slider = page.get_by_role("slider", name="div slider", exact=True)
        slider.focus()
        page.keyboard.press("ArrowRight")
        waits(page, "y[0] != 2e-5")
        settled(page)
        chart = page.locator(".js-plotly-plot").bounding_box()
        assert chart["y"] >= 0 and chart["y"] + chart["height"] <= slider.bounding_box()["y"]
