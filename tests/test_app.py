"""The studio's page, run by streamlit's test runner: controls for every parameter of every recipe, and what is drawn of them."""

import json
from pathlib import Path

import numpy as np
import pytest

import lrcore as lr

pytest.importorskip("streamlit")
pytest.importorskip("plotly")

from streamlit.testing.v1 import AppTest

from lrcore.app.canvas import Canvas, Item, Run
from lrcore.app.controls import OWN, choices, label_of, mode_of
from lrcore.app.links import opened, to_link
from lrcore.app.making import made
from lrcore.app.starting import fresh
from lrcore.expression import from_expression

MAIN = str(Path(lr.__file__).parent / "app" / "main.py")
RECIPES = lr.recipes()


def studio(canvas=None, link=None):
    page = AppTest.from_file(MAIN, default_timeout=30)
    if canvas is not None:
        link = to_link(canvas)
    if link is not None:
        page.query_params["canvas"] = link
    return ran(page.run())


def ran(page):
    """The page, which has no traceback and nothing unexpected."""
    assert not page.exception
    assert not [sentence for sentence in sentences(page) if sentence.startswith("This did not work")]
    return page


def only(name):
    return Canvas().add(fresh(RECIPES[name]))


def canvas(page) -> Canvas:
    return page.session_state.studio.canvas


def sentences(page):
    return [error.value.replace("\\", "") for error in page.error]


def chart(page):
    """What plotly is to draw."""
    parts = [part.proto for part in page.get("bidi_component") if part.proto.component_name == "lrcore_plot"]
    return json.loads(json.loads(parts[0].json)["figure"])


def plotted(page):
    """(steps, values) of every line of the chart."""
    return [(np.array(trace["x"]), np.array(trace["y"])) for trace in chart(page)["data"] if "name" in trace]


def widget(page, key):
    """The widget of a key, whatever its kind."""
    for kind in ("number_input", "selectbox", "text_input", "text_area", "checkbox", "toggle", "button_group", "button"):
        for each in page.get(kind):
            if each.key == key:
                return each
    raise AssertionError(f"there is no widget {key}")


def test_the_first_page_shows_a_schedule_and_its_code():
    page = studio()
    assert len(plotted(page)) == 1 and not sentences(page)
    assert "scheduler" in page.code[-1].value


def test_every_recipe_can_be_picked_by_its_name_and_family():
    assert choices() == [*RECIPES, OWN]
    for name, recipe in RECIPES.items():
        assert name in label_of(name) and recipe.family in label_of(name) and recipe.summary[:4] in label_of(name)


def test_a_schedule_is_added_from_the_list():
    page = ran(studio(only("cosine")).selectbox(key="add").select("wsd").run())
    assert [item.name for item in canvas(page).items] == ["cosine", "wsd"] and canvas(page).selected == 2
    assert len(plotted(page)) == 2


NUMBERS = ("value", "ratio", "count", "length")
NOT_NUMBERS = {"rest", "auto", "first", "inside"}


def control(page, item, parameter):
    """The widget that shows a parameter."""
    mode = mode_of(parameter.domain, item.at(("lr", parameter.name))) if parameter.domain.kind in NUMBERS else ""
    suffix = "?" if parameter.domain.kind == "schedule" else "-" if mode in NOT_NUMBERS else ""
    return widget(page, f"1/lr/{parameter.name}{suffix}")


def refused(domain, value):
    """A value that the control of a parameter takes and its domain does not; None if there is none."""
    if domain.kind in ("count", "length") and type(value) is int:
        return -1
    if domain.kind == "ratio" and value is not None and max(domain.low, -domain.high) > -1e300:
        return float(domain.low) - 1.0 if domain.low > -1e300 else domain.high + 1.0
    return "x" if domain.kind in ("values", "ratios", "counts") else None


@pytest.mark.parametrize("name", RECIPES)
class TestEveryRecipe:
    def test_has_controls_that_change_it(self, name):
        recipe = RECIPES[name]
        page = ran(studio(only("constant")).selectbox(key="1/lr?").select(name).run())
        assert canvas(page).items[0].name == name
        assert made(canvas(page).items[0]).plan is not None
        page = studio(only(name))
        ((steps, values),) = plotted(page)
        np.testing.assert_array_equal(values, recipe(**recipe.example)(steps))
        item = canvas(page).items[0]
        for parameter in recipe.parameters:
            assert control(page, item, parameter).label.startswith(parameter.name)

        changed = {}
        for number in page.number_input:
            path = tuple(number.key.split("/")[1:])
            before = item.at(path)
            changed[path] = before + 1 if isinstance(before, int) else before * 0.9 + 1e-6
            number.set_value(changed[path])
        ran(page.run())
        assert {path: canvas(page).items[0].at(path) for path in changed} == changed
        good = made(canvas(page).items[0]).plan
        assert good is None or (plotted(page)[0][1] == good.lr(plotted(page)[0][0])).all()

    def test_has_choices_that_can_be_made(self, name):
        page = studio(only(name))
        for parameter in RECIPES[name].parameters:
            path = ("lr", parameter.name)
            for choice in parameter.domain.choices[:6]:
                chooser = control(page, canvas(page).items[0], parameter)
                ran((chooser.select(choice) if chooser.type == "selectbox" else chooser.set_value(choice)).run())
                assert canvas(page).items[0].at(path) == choice
            if parameter.domain.kind == "flag":
                before = canvas(page).items[0].at(path)
                ran(page.checkbox(key=f"1/lr/{parameter.name}").set_value(not before).run())
                assert canvas(page).items[0].at(path) is not before

    def test_says_what_is_refused_and_keeps_the_last_good_curve(self, name):
        page = studio(only(name))
        item, drawn, expected = canvas(page).items[0], plotted(page), []
        for parameter in RECIPES[name].parameters:
            bad = refused(parameter.domain, item.at(("lr", parameter.name)))
            if bad is not None:
                control(page, item, parameter).set_value(bad)
                with pytest.raises(lr.SpecError) as error:
                    parameter.domain.check([bad] if bad == "x" else bad, f"{name}.{parameter.name}")
                expected.append(str(error.value))
        ran(page.run())
        assert sentences(page) == expected
        np.testing.assert_array_equal(plotted(page), drawn)


def test_an_expression_is_drawn_and_a_bad_one_is_said():
    page = studio(opened("cosine(1, 0, 100) >> 0.1 * constant(1, 50)"))
    page.text_area(key="1/lr=").set_value("linear(0, 1, 10) >> cosine(1, 0, 20)").run()
    ((steps, values),) = plotted(page)
    np.testing.assert_array_equal(values, from_expression("linear(0, 1, 10) >> cosine(1, 0, 20)")(steps))
    for bad in ("cosine(1, 0", "cosin(1, 0, 100)", "__import__('os').system('x')", "", "10**10**10", "(" * 5000, "cosine(1, 0, 1.5)"):
        ran(page.text_area(key="1/lr=").set_value(bad).run())
        assert len(sentences(page)) == 1 and "expected" in sentences(page)[0]
        np.testing.assert_array_equal(plotted(page)[0][1], values)


def test_a_field_of_a_drawing_that_was_broken_off_is_filled_by_the_next(monkeypatch):
    from lrcore.app import results

    def broken(*_):
        raise KeyError("broken off")

    page = studio(opened("cosine(1, 0, 100) >> constant(0.1)"))
    text = page.text_area(key="1/lr=").value
    assert not ran(page.run()).text_area(key="1/lr=").proto.set_value  # the browser knows it: what somebody is typing is left alone
    page.session_state.studio.canvas = opened("constant(0.5, 10) >> constant(0.1, 5)")
    with monkeypatch.context() as patch:
        patch.setattr(results, "numbers", broken)
        page.run()
    assert ran(page.run()).text_area(key="1/lr=").proto.set_value
    assert page.text_area(key="1/lr=").value == "constant(0.5, 10) >> constant(0.1, 5)" != text
    assert not ran(page.run()).text_area(key="1/lr=").proto.set_value


def test_a_length_can_be_a_fraction_the_rest_or_none():
    page = studio(only("constant"))
    for mode, value in (("auto", None), ("rest", "rest"), ("fraction", 0.1), ("steps", 1000)):
        page = ran(page.button_group(key="1/lr/steps:").set_value(mode).run())
        assert canvas(page).items[0].at(("lr", "steps")) == value


def test_a_schedule_within_a_schedule_has_controls_of_its_own():
    page = studio(only("warmup"))
    ran(page.selectbox(key="1/lr/schedule?").select("linear").run())
    ran(page.number_input(key="1/lr/schedule/stop").set_value(0.5).run())
    assert canvas(page).items[0].at(("lr", "schedule", "stop")) == 0.5
    ran(page.selectbox(key="1/lr/schedule?").select(OWN).run())
    ran(page.text_area(key="1/lr/schedule=").set_value("cosine(").run())
    assert len(sentences(page)) == 1
    ran(page.text_area(key="1/lr/schedule=").set_value("cosine(1, 0, 50)").run())
    assert made(canvas(page).items[0]).plan.lr.phases[1] == lr.cosine(1, 0, 50)


def test_items_are_hidden_copied_removed_and_undone():
    page = studio(only("cosine"))
    ran(page.button(key="copy-1").click().run())
    ran(page.button(key="hide-1").click().run())
    assert [item.hidden for item in canvas(page).items] == [True, False] and len(plotted(page)) == 1
    ran(page.button(key="remove-2").click().run())
    ran(page.button(key="remove-1").click().run())
    assert canvas(page).items == () and plotted(page) == []
    for items in (1, 2, 2, 1):
        ran(page.button(key="undo").click().run())
        assert len(canvas(page).items) == items
    ran(page.button(key="redo").click().run())
    assert len(canvas(page).items) == 2


def test_an_item_is_named_and_a_name_is_only_letters():
    page = studio(only("cosine"))
    ran(page.text_input(key="name-1").set_value("**a** <b>$x$").run())
    assert canvas(page).items[0].name == "**a** <b>$x$"
    ran(page.text_input(key="name-1").set_value("  ").run())
    assert canvas(page).items[0].name == "**a** <b>$x$" and len(sentences(page)) == 1


class TestTheRun:
    def page(self):
        page = studio(only("cosine"))
        page.session_state["the-run"] = True
        return ran(page.run())

    def test_a_batch_and_a_dataset_give_an_axis_of_epochs(self):
        page = self.page()
        for name, value in (("batch_size", 10), ("epoch_size", 500), ("horizon", 2000)):
            ran(page.number_input(key=f"run/{name}").set_value(value).run())
        ran(page.button_group(key="axis").set_value("epochs").run())
        assert canvas(page).run == Run(horizon=2000, batch_size=10, epoch_size=500)
        assert plotted(page)[0][0][-1] == 40.0
        assert made(canvas(page).items[0], canvas(page).run).plan.clock == lr.Clock(10, epoch_size=500)

    def test_what_it_refuses_is_said_under_its_number(self):
        page = self.page()
        ran(page.number_input(key="run/horizon").set_value(0).run())
        assert sentences(page) == ["horizon: expected an integer >= 1, got 0."]
        ran(page.selectbox(key="run/unit").select("epochs").run())
        ran(page.number_input(key="run/horizon").set_value(None).run())
        assert sentences(page) == [
            "clock: expected a Clock, which says how many epochs an update has, got None. Write clock=lr.Clock(batch_size=...)."
        ]

    def test_the_log_axis_leaves_the_values_alone(self):
        page = self.page()
        before = plotted(page)
        ran(page.toggle(key="log").set_value(True).run())
        assert chart(page)["layout"]["yaxis"]["type"] == "log"
        np.testing.assert_array_equal(plotted(page), before)


class TestFieldsAndGroups:
    def page(self):
        page = studio(only("one_cycle"))
        page.session_state["fields-1"] = page.session_state["groups-1"] = True
        return ran(page.run())

    def test_a_field_has_a_schedule_and_a_panel_of_its_own(self):
        page = self.page()
        ran(page.selectbox(key="add-field-1").select("momentum").run())
        ran(page.selectbox(key="1/momentum?").select("one_cycle_momentum").run())
        plan = made(canvas(page).items[0]).plan
        assert plan.momentum == RECIPES["one_cycle_momentum"](**RECIPES["one_cycle_momentum"].example)
        assert len(plotted(page)) == 2
        ran(page.button(key="drop-1-momentum").click().run())
        assert list(canvas(page).items[0].fields) == ["lr"]

    def test_groups_have_factors_and_are_frozen(self):
        page = self.page()
        for _ in range(2):
            ran(page.button(key="add-group-1").click().run())
        ran(page.number_input(key="group-1-0-factor").set_value(0.1).run())
        ran(page.checkbox(key="group-1-1-frozen").check().run())
        ran(page.number_input(key="group-1-1-weight_decay").set_value(0.0).run())
        plan = made(canvas(page).items[0]).plan
        rate = plan.lr
        assert dict(plan.groups) == {"backbone": {"lr": 0.1 * rate}, "head": {"lr": None, "weight_decay": lr.Constant(0.0)}}

    def test_two_groups_of_one_name_are_refused(self):
        page = self.page()
        for _ in range(2):
            ran(page.button(key="add-group-1").click().run())
        ran(page.text_input(key="group-1-1-name").set_value("backbone").run())
        assert sentences(page) == ["groups: expected every name once, got 'backbone'."]


class TestTabs:
    @pytest.mark.parametrize("target", lr.TARGETS)
    def test_code_for_every_target(self, target):
        page = studio(only("warmup_cosine"))
        ran(page.button_group(key="target").set_value(target).run())
        compile(page.code[-1].value, target, "exec")

    def test_phases_and_findings_and_files(self):
        page = studio(only("warmup_cosine"))
        for tab in ("Phases", "Checks", "Files", "Code"):
            page.session_state["results-tabs"] = tab
            ran(page.run())
            if tab == "Phases":
                assert list(page.table[0].value["Phase"]) == ["linear", "cosine"]
            if tab == "Checks":
                assert any("zero-start" in info.value for info in page.info)


class TestImportAndLink:
    def test_text_is_imported(self):
        page = studio(only("cosine"))
        page.text_area(key="import-text").set_value(lr.wsd(0.1, warmup=10, decay=20, steps=100).to_json()).run()
        ran(page.button(key="import-button").click().run())
        assert len(canvas(page).items) == 2 and not sentences(page)

    def test_what_cannot_be_imported_is_said(self):
        page = studio(only("cosine"))
        page.text_area(key="import-text").set_value('{"lrcore": 99}').run()
        ran(page.button(key="import-button").click().run())
        assert len(sentences(page)) == 1 and len(canvas(page).items) == 1

    def test_a_link_restores_the_canvas(self):
        now = opened("0.1 * cosine(1, 0, 50)", canvas=only("wsd")).but(log=True)
        assert canvas(studio(now)) == now

    @pytest.mark.parametrize("link", ["x", "eJw", to_link(Canvas())[:-4], "<script>"])
    def test_a_broken_link_is_a_sentence_and_the_page_works(self, link):
        page = studio(link=link)
        assert len(sentences(page)) == 1 and sentences(page)[0].startswith("link: expected")
        assert len(plotted(page)) == 1

    def test_a_link_with_bad_arguments_shows_them_and_what_is_wrong(self):
        bad = Canvas((Item(1, "a", {"lr": fresh(RECIPES["step"])}),))
        bad = bad.change(bad.items[0].put(("lr", "start"), "high").put(("lr", "every"), [1]).put(("lr", "gamma"), 2**60))
        page = studio(bad)
        assert len(sentences(page)) == 3 and all("step." in sentence for sentence in sentences(page))
