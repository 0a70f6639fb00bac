"""The studio's canvas as a value: every recipe makes its plan, every refusal has its place, and whatever is stored comes back."""

import json
import random
import zlib
from base64 import urlsafe_b64encode
from contextlib import suppress

import numpy as np
import pytest

import lrcore as lr
from lrcore.app.canvas import MOST_ITEMS, Canvas, Group, Item, Named, Run, Stored, Written
from lrcore.app.curves import numbers_of, shown
from lrcore.app.files import picture, table
from lrcore.app.links import from_document, from_link, imported, opened, to_document, to_link, what_of
from lrcore.app.making import made
from lrcore.app.scales import nearest, read, read_list, scale, write
from lrcore.app.starting import fresh, read_call
from lrcore.app.writing import expression, lrcore_code
from lrcore.expression import from_expression

RECIPES = lr.recipes()
PARAMETERS = [(name, parameter.name) for name, recipe in RECIPES.items() for parameter in recipe.parameters]


def item(what, **more):
    return Item(1, "one", {"lr": what}, **more)


def canvas_of(*texts):
    canvas = Canvas()
    for text in texts:
        canvas = opened(text, canvas=canvas)
    return canvas


@pytest.mark.parametrize("name", RECIPES)
class TestEveryRecipe:
    def test_begins_with_its_example(self, name):
        recipe = RECIPES[name]
        assert made(item(fresh(recipe))).plan == lr.Plan(recipe(**recipe.example))

    def test_is_written_so_that_it_reads_back_equal(self, name):
        one = item(fresh(RECIPES[name]))
        plan = made(one).plan
        assert from_expression(lrcore_code(one, plan)) == plan
        assert name in lrcore_code(one, plan)

    def test_keeps_its_controls_on_the_way_through_an_expression(self, name):
        what = fresh(RECIPES[name])
        again = read_call(expression(what))
        assert isinstance(again, Named) and again.recipe == name
        assert made(item(again)).plan == made(item(what)).plan

    def test_comes_back_from_a_link(self, name):
        canvas = Canvas().add(fresh(RECIPES[name]))
        assert from_link(to_link(canvas)) == from_document(to_document(canvas)) == canvas

    def test_is_drawn_with_its_own_values_over_the_window_of_its_example(self, name):
        recipe = RECIPES[name]
        view = shown(Canvas().add(fresh(recipe)), {})
        assert view.steps == recipe.window
        np.testing.assert_array_equal(view.lines[0].values, recipe(**recipe.example)(view.lines[0].steps))


def beside(domain):
    """Values that a domain refuses."""
    match domain.kind:
        case "value":
            return ["x", True]
        case "ratio":
            return [
                "x",
                *(bound for bound in (domain.low - 1.0, domain.high + 1.0) if abs(bound) < 1e300),
            ]
        case "count":
            return [int(domain.low) - 1, 0.5, "x"]
        case "length":
            return [-1, 1.5, "x"]
        case "flag":
            return ["yes"]
        case "values" | "ratios" | "counts":
            return [["x"], [-0.5, "y"]]
        case "schedule":
            return [Written("cosine("), Named("nothing", {}), 1.0]
    return ["nothing"]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_what_a_domain_refuses_is_refused_at_its_control(name, parameter):
    recipe = RECIPES[name]
    domain = next(each.domain for each in recipe.parameters if each.name == parameter)
    for bad in beside(domain):
        found = made(item(fresh(recipe)).put(("lr", parameter), bad))
        assert found.plan is None
        assert [place[:2] for place in found.refusals] == [("lr", parameter)]
        if not isinstance(bad, Written | Named):
            with pytest.raises(lr.SpecError) as error:
                domain.check(bad, f"{name}.{parameter}")
            assert list(found.refusals.values()) == [str(error.value)]


def test_what_a_recipe_refuses_as_a_whole_is_at_the_parameter_it_names():
    found = made(item(fresh(RECIPES["warmup_cosine"])).put(("lr", "warmup"), 5000))
    assert list(found.refusals) == [("lr", "warmup")]


@pytest.mark.parametrize(
    ("what", "run", "place"),
    [
        (Written("cosine(1, 0, 0.5)"), Run(), ("run", "horizon")),
        (Written("cosine(1, 0, 100)"), Run(horizon=0), ("run", "horizon")),
        (Written("cosine(1, 0, 100)"), Run(batch_size=0), ("run", "batch_size")),
        (Written("cosine(1, 0, 100)"), Run(batch_size=8, epoch_size=-1), ("run", "epoch_size")),
        (Written("cosine(1, 0, 100)"), Run(unit="tokens", batch_size=8), ("run", "sequence_length")),
        (Written("cosine(1, 0, 100)"), Run(unit="tokens"), ("run", "batch_size")),
        (Written("__import__('os')"), Run(), ("lr",)),
        (Written("10**10**10"), Run(), ("lr",)),
        (Stored("{}"), Run(), ("lr",)),
        (Named("cosine", {"start": 1.0}), Run(), ("lr",)),
        (Named("cosine", {"start": 1.0, "stop": 0.0, "steps": 10, "no": 1}), Run(), ("lr",)),
        (Written('Plan(0.1, groups={"a.*": {"lr": 0.2}})'), Run(), ("lr",)),
    ],
)
def test_a_refusal_has_its_place(what, run, place):
    assert list(made(item(what), run).refusals) == [place]


def test_a_plan_has_the_fields_groups_and_run_of_the_canvas():
    base = lr.cosine(0.1, 0.0, 100)
    groups = (Group("stem"), Group("body", weight_decay=0.5), Group("head", factor=2.0), Group("still", frozen=True))
    one = Item(1, "", {"lr": what_of(base), "momentum": Written("0.9"), "eps": Written("1e-8")}, groups=groups, layer_decay=0.5)
    run = Run(horizon=200, batch_size=8, epoch_size=80)
    expected = lr.Plan(
        base, momentum=0.9, fields={"eps": 1e-8}, horizon=200, clock=lr.Clock(8, epoch_size=80),
        groups={
            "stem": {"lr": 0.125 * base}, "body": {"lr": 0.25 * base, "weight_decay": 0.5}, "head": {"lr": 2.0 * (0.5 * base)},
            "still": {"lr": None},
        },
    )  # fmt: skip
    found = made(one, run)
    assert found.plan == expected
    assert from_expression(lrcore_code(one, found.plan)) == expected


class TestItems:
    def test_are_added_with_names_and_colours_of_their_own(self):
        canvas = canvas_of("cosine(1, 0, 10)", "cosine(1, 0, 10)", "0.1")
        assert [(each.name, each.color) for each in canvas.items] == [("cosine", 0), ("cosine 2", 1), ("expression", 2)]

    def test_leave_their_colour_to_the_next(self):
        canvas = canvas_of("0.1", "0.2", "0.3").remove(2).duplicate(3)
        assert [(each.id, each.color) for each in canvas.items] == [(1, 0), (3, 2), (4, 1)]
        assert canvas.selected == 4

    def test_are_at_most_so_many(self):
        canvas = canvas_of(*["0.1"] * (MOST_ITEMS + 3))
        assert len(canvas.items) == MOST_ITEMS == len({each.name for each in canvas.items})

    def test_the_last_one_removed_leaves_an_empty_canvas(self):
        canvas = canvas_of("0.1").remove(1)
        assert canvas.chosen is None and shown(canvas, {}).lines == ()

    def test_another_recipe_keeps_the_numbers_that_suit_it(self):
        before = Named("cosine", {"start": 0.5, "stop": 0.1, "steps": 77})
        assert fresh(RECIPES["linear"], before).arguments == before.arguments


ONE = b'{"id":1,"name":"a","fields":{"lr":{"type":"expression","text":"1"}}}'
LINK = to_link(canvas_of("warmup_cosine(3e-4, warmup=10, steps=100)", "0.1"))


class TestLinks:
    @pytest.mark.parametrize("cut", range(0, len(LINK), 7))
    def test_a_link_cut_off_is_refused(self, cut):
        with pytest.raises(lr.SpecError, match=r"^link: expected the link of a canvas, complete"):
            from_link(LINK[:cut])

    def test_a_link_with_a_letter_changed_is_refused_or_means_a_canvas(self):
        choose = random.Random(0)
        for _ in range(300):
            i = choose.randrange(len(LINK))
            changed = LINK[:i] + choose.choice("ABCxyz019-_~%/é") + LINK[i + 1 :]
            with suppress(lr.SpecError):
                shown(from_link(changed), {})

    @pytest.mark.parametrize(
        "document",
        [
            b"", b"[]", b"null", b'{"studio":2,"canvas":{}}', b'{"studio":1,"canvas":{"items":[{}]}}', b'{"studio":1,"canvas":{"x":1}}',
            b'{"studio":1,"canvas":{"items":[{"id":1,"name":"a","fields":{}}]}}', b"[" * 100_000, b" " * 10**8,
            b'{"studio":1,"canvas":{"items":[' + b",".join([ONE] * 2) + b"]}}",
        ],
        ids=range(10),
    )  # fmt: skip
    def test_a_hostile_link_is_a_sentence(self, document):
        with pytest.raises(lr.SpecError, match="expected"):
            from_link(urlsafe_b64encode(zlib.compress(document)).decode())

    def test_a_canvas_too_large_for_a_link_says_so(self):
        values = np.random.default_rng(0).random(4000)
        with pytest.raises(lr.SpecError, match=r"link: expected at most 16,000 characters, got [\d,]+\. Send the canvas as a file\."):
            to_link(Canvas().add(Stored(lr.Samples(values).to_json())))


class TestImports:
    PLAN = lr.Plan(lr.warmup_cosine(0.1, warmup=10, steps=100), momentum=0.9, groups={"a": {"lr": 0.2}}, horizon=100)

    @pytest.mark.parametrize("value", [PLAN, PLAN.lr, lr.Plan(PLAN.lr, weight_decay=0.1, horizon=50), lr.Plan(0.1, adapt=lr.NewBob())])
    def test_json_and_yaml_come_back_equal(self, value):
        yaml = pytest.importorskip("yaml")
        for text in (value.to_json(), yaml.safe_dump(json.loads(value.to_json()))):
            canvas = imported(text, Canvas())
            assert made(canvas.items[0], canvas.run).plan == (value if isinstance(value, lr.Plan) else lr.Plan(value))

    def test_a_canvas_takes_the_place_of_the_one_there(self):
        assert imported(to_document(canvas_of("0.1")), canvas_of("0.2", "0.3")) == canvas_of("0.1")

    @pytest.mark.parametrize(
        "text", ["", "  ", "{", "{}", "a: [", "cosine(1, 0", '{"lrcore": 99}', "lrcore: 1\nschedule: {type: constant}", "\0", "é" * 9]
    )
    def test_anything_else_is_refused(self, text):
        with pytest.raises(lr.SpecError, match="expected"):
            imported(text, Canvas())


class TestCurves:
    def test_no_spike_is_lost_in_a_billion_steps(self):
        view = shown(canvas_of("constant(0.1, 123_456_789) >> constant(0.7, 1) >> constant(0.1, 10**9)"), {})
        assert view.lines[0].values.max() == 0.7 and len(view.lines[0].steps) < 20_000

    def test_every_step_has_the_name_of_its_phase(self):
        line = shown(canvas_of("linear(0, 1, 10) >> cosine(1, 0, 20)"), {}).lines[0]
        assert [str(line.phases[step]) for step in (0, 9, 10, 29, 30)] == ["linear", "linear", "cosine", "cosine", "past the end"]

    def test_what_is_refused_is_shown_as_it_last_was(self):
        canvas = canvas_of("cosine(1, 0, 10)")
        broken = canvas.change(canvas.items[0].put(("lr", "steps"), -1))
        assert shown(broken, {}).lines == ()
        np.testing.assert_array_equal(shown(broken, {1: canvas.items[0]}).lines[0].values, shown(canvas, {}).lines[0].values)

    def test_hidden_items_are_not_drawn(self):
        canvas = canvas_of("0.1", "0.2")
        assert [line.item.id for line in shown(canvas.change(canvas.items[0].but(hidden=True)), {}).lines] == [2]

    def test_epochs_are_positions_of_the_clock(self):
        canvas = canvas_of("cosine(1, 0, 100)").but(run=Run(batch_size=10, epoch_size=200), axis="epochs")
        view = shown(canvas, {})
        assert view.axes == ("updates", "samples", "epochs")
        np.testing.assert_array_equal(view.position(np.array([0, 20, 30]), "epochs"), [0.0, 1.0, 1.5])

    @pytest.mark.parametrize("name", RECIPES)
    def test_the_numbers_are_those_of_all_values(self, name):
        recipe = RECIPES[name]
        rate = recipe(**recipe.example)
        values = rate.values(recipe.window)
        found = numbers_of(rate, recipe.window)
        assert (found.first, found.last, found.least, found.greatest) == (values[0], values[-1], values.min(), values.max())
        assert found.mean == pytest.approx(values.mean(), rel=1e-12)


class TestFiles:
    def test_csv_reads_back_to_the_bit(self):
        bound = lr.Plan(lr.warmup_cosine(3e-4, warmup=10, steps=100), groups={"a": {}, "b": {"lr": 0.1}}).bind()
        header, *rows = table(bound, 100).splitlines()
        assert header == "step,a.lr,b.lr"
        np.testing.assert_array_equal(np.array([list(map(float, row.split(","))) for row in rows])[:, 1:], bound.table(100)[:])

    @pytest.mark.parametrize(("kind", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
    def test_pictures_are_drawn(self, kind, begin):
        pytest.importorskip("matplotlib")
        canvas = canvas_of("warmup_cosine(3e-4, warmup=10, steps=100)", "Plan(0.1, momentum=one_cycle_momentum(100))")
        canvas = canvas.but(log=True, axis="epochs", run=Run(batch_size=8, epoch_size=80))
        assert picture(canvas, shown(canvas, {}), kind).startswith(begin)


class TestScales:
    @pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
    def test_hold_what_the_domain_holds_in_order(self, name, parameter):
        recipe = RECIPES[name]
        domain = next(each.domain for each in recipe.parameters if each.name == parameter)
        reference = recipe.complete(recipe.example)[parameter]
        if domain.kind not in ("value", "ratio", "count", "length"):
            return
        values = scale(domain, reference if isinstance(reference, int | float) else None)
        assert list(values) == sorted(set(values)) and len(values) <= 400
        assert all(domain.check(each, "x") == each for each in values)
        if isinstance(reference, int if domain.kind == "length" else int | float) and 0 < reference <= values[-1]:
            assert nearest(values, reference) == pytest.approx(reference, rel=0.15, abs=0.11)

    @pytest.mark.parametrize("value", [1, 0.1, 3e-4, "rest", [30, 60], [0.1, 2]])
    def test_text_reads_back(self, value):
        assert (read_list if isinstance(value, list) else read)(write(value)) == value

    @pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "1e400"])
    def test_what_is_no_number_stays_text(self, text):
        assert read(text) == text
