"""Every command of the command line in a process of its own: what it prints and writes, and how it ends."""

import csv
import json
import re

import numpy as np
import pytest

import lrcore as lr
from lrcore.cli import main
from lrcore.cli.axes import decades, round_ticks, words_of
from lrcore.code import to_code
from terminal import lrcore

TEXT = "warmup_cosine(3e-4, warmup=2000, steps=100_000)"
SCHEDULE = lr.warmup_cosine(3e-4, warmup=2000, steps=100_000)
GROUPS = "Plan(cosine(0.1, 0, 90), weight_decay=0.1, groups={'bias': {'weight_decay': 0}, 'head': {}})"


def ran(*arguments, code=0, **more):
    """Standard output of a run that ended so, and said nothing on standard error."""
    got = lrcore(*arguments, **more)
    assert (got.returncode, got.stderr) == (code, "")
    return got.stdout


# -- show, explain -----------------------------------------------------------------------------------------------------


def drawn(text):
    """Of a panel with letters or braille: the rows of its canvas."""
    return [line.partition("┤")[2] or line.partition("│")[2] for line in text.splitlines() if re.match(r" *\S* [┤│]", line)]


def test_show_draws_the_curve_where_its_values_are():
    rows = drawn(ran("show", "linear(0, 1, 1000)"))
    heights = [next(i for i, row in enumerate(rows) if len(row) > column and row[column] not in " ┊") for column in range(70)]
    straight = [(len(rows) - 1) * (1 - column / 70) for column in range(70)]
    assert np.abs(np.subtract(heights, straight)).max() <= 1


@pytest.mark.parametrize("name", lr.recipes())
def test_show_draws_every_recipe_from_its_least_to_its_greatest_value(name, capsys):
    recipe = lr.recipes()[name]
    schedule = recipe(**recipe.example)
    if schedule.resolved:
        assert main(["show", lr.to_expression(schedule), "--steps", str(recipe.window)]) == 0
        rows = drawn(capsys.readouterr().out)
        values = schedule.values(recipe.window)
        assert any(row.strip(" ┊") for row in rows)
        if values.max() > 1.5 * values.min() > 0 or values.min() == 0 < values.max():
            assert rows[0].strip(" ┊")


def test_show_loses_no_spike():
    at = 123_456_789
    rows = drawn(ran("show", f"constant(0.1, {at}) >> constant(1.0, 1) >> constant(0.1, {10**9 - at - 1})"))
    column = next(i for i, letter in enumerate(rows[0]) if letter not in " ┊")
    assert column == int(at / 1e9 * len(rows[-1].rstrip("┊ "))) or abs(column - at / 1e9 * 73) <= 1
    assert all(row[column] not in " ┊" for row in rows[:-2])


def test_show_lists_the_phases():
    lines = ran("show", TEXT).splitlines()
    assert [line.split("  ")[0] for line in lines[-3:]] == ["phase", "linear", "cosine"]
    assert lines[-1].split() == ["cosine", "2,000", "to", "99,999", "3e-4", "→", "7.707e-14"]


def test_show_has_a_panel_for_each_field_that_moves_and_a_row_for_each_group():
    out = ran("show", GROUPS)
    assert [line for line in out.splitlines() if line.startswith(("lr", "weight_decay"))] == [
        "lr  bias, head", "lr            bias, head  cosine    0 to 89   0.1 → 3.046e-5", "weight_decay  bias        constant  0 and on  0",
    ]  # fmt: skip


@pytest.mark.parametrize("option", [["--field", "weight_decay"], ["--group", "bias"], ["--start", "50", "--steps", "20"], ["--log"]])
def test_show_takes_parts(option):
    assert ran("show", GROUPS, *option) != ran("show", GROUPS)


def test_a_logarithmic_axis_says_what_it_leaves_out():
    assert "Values of 0 and below are not on a logarithmic axis." in ran("show", TEXT, "--log")
    assert "Values of 0" not in ran("show", "exponential(1, 1e-6, 100)", "--log")


def test_a_rule_is_told_of():
    assert "A rule of the plan changes lr" in " ".join(ran("show", "Plan(0.1, adapt=ReduceLROnPlateau(), horizon=9)").split())


def test_patterns_take_names():
    out = ran("show", "Plan(1e-3, groups={'b.*': {'lr': linear(0, 1, 9)}})", "--names", "bias,head", "--steps", "9")
    assert [line.split()[1] for line in out.splitlines()[-2:]] == ["head", "linear"] or "head" in out.splitlines()[0]


def test_explain_tells_the_parts_of_a_value():
    out = ran("explain", TEXT, "51000")
    value = re.findall(r"= ([\d.e-]+)$", out, re.MULTILINE)
    assert float(value[0]) == float(value[-1]) == SCHEDULE(51_000) and "phase 2 of 2" in out


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 3e-4), (2.5e-5, 0.3), (0, 10**9), (-3, 7), (1, 1 + 1e-9)])
def test_ticks_are_round_and_inside(low, high):
    ticks = round_ticks(low, high, 4)
    assert 1 < len(ticks) <= 6 and all(low - 1e-9 * abs(low) <= tick <= high * (1 + 1e-9) for tick in ticks)
    assert max(map(len, words_of(ticks))) <= 12 and len(set(words_of(ticks))) == len(ticks)


@pytest.mark.parametrize(("low", "high"), [(1e-6, 0.1), (0.02, 0.3), (0.5, 0.6), (1e-300, 1.0)])
def test_ticks_of_a_logarithmic_axis_are_inside(low, high):
    assert all(low * (1 - 1e-8) <= tick <= high * (1 + 1e-8) for tick in decades(low, high, 4)) and len(decades(low, high, 4)) <= 6


# -- table -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_table_has_the_values_of_the_plan(dtype, tmp_path):
    plan = lr.Plan(lr.cosine(0.1, 0.0, 90), weight_decay=0.1, groups={"bias": {"weight_decay": 0}, "head": {}})
    expected = np.asarray(plan.table(50, 10, dtype=dtype))
    for name in ("lr.npy", "lr.csv"):
        got = lrcore("table", GROUPS, "-n", "50", "--start", "10", "--dtype", dtype, "-o", name, cwd=tmp_path)
        assert got.returncode == 0 and f"{name}: 50 rows of 4 columns, {dtype}" in got.stderr
    assert (np.asarray(lr.open_table(tmp_path / "lr.npy", plan)) == expected).all()
    header, *rows = csv.reader((tmp_path / "lr.csv").read_text().splitlines())
    assert header == ["step", "bias lr", "bias weight_decay", "head lr", "head weight_decay"]
    assert [int(row[0]) for row in rows] == list(range(10, 60))
    assert (np.array([row[1:] for row in rows], dtype=dtype) == expected).all()


def test_a_table_ends_where_the_plan_does():
    assert len(ran("table", "cosine(0.1, 0, 90)", "-o", "-").splitlines()) == 91


def test_writing_follows_a_link_and_keeps_it(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "lr.csv").symlink_to(tmp_path / "there" / "lr.csv")
    lrcore("table", "cosine(0.1, 0, 90)", "-o", "lr.csv", cwd=tmp_path)
    assert (tmp_path / "lr.csv").is_symlink() and (tmp_path / "there" / "lr.csv").read_text().startswith("step,lr\n")


# -- plot --------------------------------------------------------------------------------------------------------------

BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_plot_draws_every_kind_of_picture(kind, tmp_path):
    path = tmp_path / f"x.{kind}"
    got = lrcore("plot", TEXT, GROUPS, "-o", str(path), "-l", "one", "-l", "two", DISPLAY="")
    assert (got.returncode, got.stdout) == (0, "") and got.stderr == f"lrcore: {path}: drawn\n".removeprefix("lrcore: ")
    assert path.read_bytes().startswith(BEGINNINGS[kind]) and path.stat().st_size > 5000
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_legend_names_files_and_expressions(tmp_path):
    (tmp_path / "mine.yaml").write_text("lr: cosine(0.1, 0, 90)\n")
    lrcore("plot", "mine.yaml", "linear(0.1, 0, 90)", "-o", "x.svg", cwd=tmp_path)
    words = re.findall(r"<!-- (.*?) -->", (tmp_path / "x.svg").read_text())
    assert "linear(0.1, 0, 90)" in words and any(word.startswith("mine") for word in words)


# -- check, diff -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "known", "code"),
    [
        ([], {}, 0),
        (["--horizon", "100000"], {"horizon": 100_000}, 0),
        (["--horizon", "1000"], {"horizon": 1000}, 1),
        (["--max-lr", "1e-5"], {"bounds": 1e-5}, 1),
    ],
)
def test_check_ends_with_1_for_what_is_serious(options, known, code):
    findings = SCHEDULE.check(**known)
    assert bool(findings.serious) == code
    out = ran("check", TEXT, *options, code=code)
    assert [line.split("  ")[1] for line in out.splitlines() if not line.startswith(" ")] == [finding.code for finding in findings]
    assert ran("check", TEXT, *options, "--json", code=code) == findings.to_json() + "\n"


def test_check_is_told_all_that_the_method_is():
    options = {"dataset_size": 50_000, "batch_size": 128, "epochs": 9, "accumulation": 2, "world_size": 4, "jump": 3.0}
    plan = lr.Plan(lr.cosine(0.1, 0.0, 90), groups={"hed": {"lr": 1.0}}, momentum=0.9)
    findings = plan.check(**options, drop_last=True, names=["head", "body"], optimizer=["lr", "betas"], bounds=(1e-3, 0.05))
    words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    text = "Plan(cosine(0.1, 0, 90), momentum=0.9, groups={'hed': {'lr': 1.0}})"
    more = ["--drop-last", "--names", "head,body", "--optimizer-fields", "lr,betas", "--min-lr", "1e-3", "--max-lr", "0.05"]
    assert ran("check", text, *words, *more, "--json", code=1) == findings.to_json() + "\n"


def test_check_says_that_nothing_was_found():
    assert ran("check", "cosine(0.1, 0, 90)") == "nothing found\n"


def test_diff_ends_with_1_for_a_change():
    assert ran("diff", TEXT, lr.to_expression(SCHEDULE)) == "no difference\n"
    assert ran("diff", "cosine(0.1, 0, 90)", "Plan(cosine(0.1, 0, 100))", code=1) == "lr.steps: 90 -> 100, values differ from step 1\n"
    (change,) = json.loads(ran("diff", "cosine(0.1, 0, 90)", "linear(0.1, 0, 90)", "--json", code=1))
    assert change == {"group": None, "field": "schedule", "part": "shape", "old": "cosine", "new": "linear", "step": 1}


# -- code, convert, list -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["torch", "keras", "optax", "numpy", "lrcore"])
def test_code_is_what_the_library_gives(target, tmp_path):
    assert ran("code", TEXT, "--for", target) == to_code(lr.Plan(SCHEDULE), target)
    lrcore("code", TEXT, "--for", target, "-o", "x.py", cwd=tmp_path)
    assert (tmp_path / "x.py").read_text() == to_code(lr.Plan(SCHEDULE), target)


def test_code_can_be_piped_back():
    assert ran("convert", "-", stdin=ran("code", TEXT)) == ran("convert", f"Plan({TEXT})")


def test_convert_goes_there_and_back():
    document = ran("convert", TEXT)
    assert lr.from_json(document) == SCHEDULE
    assert ran("convert", "-", "--to", "expression", stdin=document) == lr.to_expression(SCHEDULE) + "\n"


def test_list_has_every_recipe_with_its_parameters():
    out = ran("list", COLUMNS="200")
    for name, recipe in lr.recipes().items():
        (line,) = (line for line in re.sub(r"\n +(?=[*\w]+[=,)])", " ", out).splitlines() if line.startswith(f"  {name}("))
        assert all(re.search(rf"\b{parameter.name}\b", line) for parameter in recipe.parameters)


@pytest.mark.parametrize("name", lr.recipes())
def test_list_tells_a_recipe_in_full(name, capsys):
    assert main(["list", name]) == 0
    words = " ".join(capsys.readouterr().out.split())
    recipe = lr.recipes()[name]
    wanted = [each for parameter in recipe.parameters for each in (parameter.name, parameter.summary, parameter.domain.words)]
    assert all(" ".join(each.split()) in words for each in [*wanted, recipe.source])


def test_list_as_json_has_all_of_the_registry():
    found = {recipe["name"]: recipe for recipe in json.loads(ran("list", "--json"))}
    assert list(found) == list(lr.recipes())
    for name, recipe in lr.recipes().items():
        assert [parameter["accepts"] for parameter in found[name]["parameters"]] == [each.domain.words for each in recipe.parameters]
        assert lr.to_expression(recipe(**recipe.example)) == ran_expression(found[name]["example"])
    assert json.loads(ran("list", "step", "--json"))["name"] == "step"


def ran_expression(text):
    return lr.to_expression(lr.from_expression(text))
