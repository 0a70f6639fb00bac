"""What a PLAN on the command line may be, and the sentence for everything that it may not."""

import json
import subprocess
import sys

import pytest

import lrcore as lr
from lrcore.cli import main
from lrcore.cli.plans import read_plan
from terminal import environment, lrcore

COSINE = lr.cosine(0.1, 0.0, 90)
PLAN = lr.Plan(COSINE, weight_decay=0.1, groups={"bias": {"weight_decay": 0, "lr": None}}, horizon=90)

YAML = """\
lr: &base cosine(0.1, 0, 90)
weight_decay: 1e-1          # a number, not a word
groups:
  bias: {lr: null, weight_decay: 0}
horizon: 90
"""

KEYWORDS = {"lr": "cosine(0.1, 0, 90)", "weight_decay": 0.1, "groups": {"bias": {"lr": None, "weight_decay": 0}}, "horizon": 90}

RICH_YAML = r"""
lr: &base warmup_cosine(3e-4, warmup=5, steps=90)
eps: 1e-8
fields: {clip: 1.0}
unit: epochs
clock: {batch_size: 32, epoch_size: 1000}
adapt: ReduceLROnPlateau(patience=5)
groups:
  layer\d+:
    lr: *base
  head:
    lr: {type: ramp, start: 0.1, stop: 0.0, steps: 9}
"""


def write(folder, name, content):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(folder / name)


# -- what is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.json", PLAN.to_json()), ("plan.yaml", YAML), ("plan.yml", YAML), ("plan", YAML), ("plan", PLAN.to_json()),
        ("plan.json", json.dumps(KEYWORDS)),
        ("plan.yaml", json.dumps(json.loads(PLAN.to_json()), indent=1)), ("plan.txt", "Plan(cosine(0.1, 0, 90), weight_decay=0.1,\n"
         "groups={'bias': {'weight_decay': 0, 'lr': None}}, horizon=90)"),
        ("state.json", json.dumps(lr.make_state(PLAN.bind(), 5))), ("bom.json", b"\xef\xbb\xbf" + PLAN.to_json().encode()),
    ],
)  # fmt: skip
def test_a_file_is_read_for_what_it_holds(name, content, tmp_path):
    assert read_plan(write(tmp_path, name, content)) == PLAN


def test_a_table_says_its_plan(tmp_path):
    PLAN.table(3).save(tmp_path / "lr.npy")
    assert read_plan(str(tmp_path / "lr.npy.json")) == PLAN


@pytest.mark.parametrize("name", lr.recipes())
def test_every_recipe_is_read_as_an_expression_in_yaml_and_in_json(name, tmp_path):
    recipe = lr.recipes()[name]
    made = recipe(**recipe.example)
    written = lr.to_expression(made)
    assert read_plan(written) == made
    plan = lr.Plan(made)
    assert read_plan(write(tmp_path, "plan.yaml", f"lr: {written}\n")) == plan
    assert read_plan(write(tmp_path, "plan.json", json.dumps({"lr": written}))) == plan
    assert read_plan(write(tmp_path, "made.json", made.to_json())) == made


def test_yaml_has_all_that_a_plan_has(tmp_path):
    plan = read_plan(write(tmp_path, "plan.yaml", RICH_YAML))
    base = lr.warmup_cosine(3e-4, warmup=5, steps=90)
    assert plan == lr.Plan(
        base, fields={"eps": 1e-8, "clip": 1.0}, unit="epochs", clock=lr.Clock(batch_size=32, epoch_size=1000),
        adapt=lr.ReduceLROnPlateau(patience=5), groups={r"layer\d+": {"lr": base}, "head": {"lr": lr.linear(0.1, 0.0, 9)}},
    )  # fmt: skip
    assert lr.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("text", ["cosine(0.1, 0, 90)", COSINE.to_json(), "lr: cosine(0.1, 0, 90)\n", "base = cosine(0.1, 0, 90)\nbase\n"])
def test_standard_input_is_read_for_what_it_holds(text):
    got = lrcore("convert", "-", "--to", "expression", stdin=text)
    assert got.stdout in ("cosine(0.1, 0.0, 90)\n", "Plan(cosine(0.1, 0.0, 90))\n") and got.stderr == ""


# -- what is refused ---------------------------------------------------------------------------------------------------

EXPRESSIONS = {
    "warmup_cosin(3e-4, 2000, 10)": "expected a name that lrcore knows, got warmup_cosin. Did you mean warmup_cosine?",
    "cosine(0.1, 0, 2.5)": "cosine.steps: expected an integer >= 0, a fraction strictly between 0 and 1",
    "cosine(0.1, 0, -1)": "cosine.steps: expected an integer >= 0",
    "cosine('a', 0, 90)": "cosine.start: expected a finite number, got 'a'.",
    "cosine(1e999, 0, 90)": "cosine.start: expected a finite number, got inf.",
    "cosine(0.1, 0, 90": "expected an expression, got a mistake ('(' was never closed).",
    "": "",
    "cosine": "got a function that is not called",
    "__import__('os').system('touch owned')": "expected a method of a schedule",
    "().__class__.__base__.__subclasses__()": "expected a method of a schedule",
    "open('/etc/passwd').read()": "expected a method of a schedule",
    "[x for x in (1, 2)]": "expected",
    "lambda: 1": "expected",
    "9**9**9**9": "expected a calculation whose result is a finite number",
    "(" * 5000: "expected an expression",
    "+" * 5000 + "1": "expected plain text that nests less deeply",
    "cosine(0.1, 0, 9) + " * 9000 + "1": "expected at most 100,000 characters",
    "cosine(0.1, 0, 9)\0": "",
}

FILES = {
    "broken.json": ('{"lrcore": 1,\n "schedule": {', "line 2, column 15: this is no JSON"),
    "other.json": ('{"lrcore": 99, "schedule": {}}', "lrcore: expected a document of format 1, got 99."),
    "wrong.json": ('{"lrcore": 1, "schedule": {"type": "ramp", "start": "a"}}', "schedule.start: expected float, got str."),
    "kind.json": ('{"lrcore": 1, "schedule": {"type": "rampe"}}', "schedule.type"),
    "number.json": ("[1, 2]", "It holds a list, and a plan is a mapping"),
    "deep.json": ('{"lr": ' + "[" * 100_000, "nests too deeply"),
    "digits.json": ('{"lr": ' + "1" * 5000 + "}", "This is no JSON that can be read"),
    "broken.yaml": ("lr: [0.1\nx: 2\n", "line 2, column 2: this is no YAML"),
    "tag.yaml": ("lr: !!python/object/apply:os.system ['touch owned']\n", "line 1, column 5: this is no YAML"),
    "name.yaml": ("lr: 0.1\nweigth_decay: 0.1\n", "line 2, document: expected the keys lr, momentum"),
    "expression.yaml": ("lr: 0.1\nmomentum: cosin(1, 0, 9)\n", "line 2, momentum: column 1: expected a name that lrcore knows, got cosin."),
    "comma.yaml": ("groups:\n  a: {lr: cosine(1, 0, 9)}\n", "Inside { } quote an expression: YAML ends it at a comma."),
    "twice.yaml": ("lr: 0.1\nlr: 0.2\n", "line 1: lr stands twice"),
    "rules.yaml": ("lr: 0.1\nadapt: ReduceLROnPlateau(), horizon=5\n", "line 2, adapt: expected one rule"),
    "name of rule.yaml": ("lr: 0.1\nadapt: ReduceOnPlateau()\n", "line 2, adapt: expected a name that lrcore knows, got ReduceOnPlateau."),
    "twice.json": ('{"lr": 0.1, "lr": 0.2}', "'lr' stands twice in one mapping."),
    "clock.yaml": ("lr: 0.1\nclock: {batch: 3}\n", "clock: expected batch_size"),
    "clocks.yaml": ("lr: 0.1\nclock: {batch_size: 0}\n", "clock.batch_size: expected an integer >= 1, got 0."),
    "unit.yaml": ("lr: 0.1\nunit: steps\n", "unit: expected one of updates"),
    "rule.yaml": ("lr: 0.1\nadapt: 5\n", "adapt: expected a rule such as ReduceLROnPlateau(patience=5), got 5."),
    "groups.yaml": ("lr: 0.1\ngroups: [a]\n", "groups: expected a mapping such as {bias: {lr: ...}}"),
    "horizon.yaml": ("lr: 0.1\nhorizon: 1e3\n", "horizon: expected an integer >= 1, got 1000.0."),
    "laughs.yaml": ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)), "more than 2,000,000 values"),
    "empty.json": ("", "It is empty."),
    "binary.json": (bytes(range(256)), "It holds no text."),
    "table.npy": (b"\x93NUMPY\x01\0", "It holds no text."),
    "odd.txt": ("what were this", "expected an expression"),
}  # fmt: skip


def refused(code, streams):
    """The sentence of a run that ended with exit code 2: one line, no traceback, nothing on standard output."""
    assert code == 2
    assert streams.out == "" and streams.err.startswith("lrcore: ") and streams.err.count("\n") == 1
    assert "Traceback" not in streams.err and len(streams.err) < 1000
    return streams.err


@pytest.mark.parametrize(("text", "sentence"), EXPRESSIONS.items(), ids=lambda text: text[:30])
def test_a_bad_expression_is_a_sentence(text, sentence, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sentence in refused(main(["convert", text]), capfd.readouterr())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_a_sentence_that_names_it(name, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, sentence = FILES[name]
    write(tmp_path, name, content)
    told = refused(main(["convert", name]), capfd.readouterr())
    assert told.startswith(f"lrcore: {name}: ") and sentence in told
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "nowhere.json"], "There is no file nowhere.json."),
        (["show", "no/where"], "There is no file no/where."),
        (["show", "."], ".: It is a directory."),
        (["show"], "Missing argument 'PLAN'."),
        (["show", "cosine(1, 0, 9)", "--steps", "x"], "Invalid value for '--steps'"),
        (["show", "cosine(1, 0, 9)", "--steps", "0"], "Invalid value for '--steps'"),
        (["show", "cosine(1, 0, 9)", "--wide"], "No such option"),
        (["show", "cosine(1, 0, 9)", "--group", "head"], "The plan has no group head. It has default."),
        (["show", "cosine(1, 0, 9)", "--field", "eps"], "The plan has no field eps. It has lr."),
        (["show", "cosine(1, 0, 9)", "--start", "20"], "The plan is over after 9 steps"),
        (["show", "Plan(1, groups={'b.*': {'lr': 2}})"], "Give them with --names."),
        (["show", "linear(0, 1, 0.5)"], "Give --steps, or a plan with a horizon."),
        (["shw", "cosine(1, 0, 9)"], "No such command 'shw'"),
        (["check", "cosine(1, 0, 9)", "--epochs", "0"], "--epochs: expected an integer >= 1, got 0."),
        (["check", "cosine(1, 0, 9)", "--jump", "0.5"], "--jump: expected a number > 1, got 0.5."),
        (["table", "cosine(1, 0, 9)", "-o", "x.foo"], "x.foo ends in .foo: what can be written ends in .npy or .csv."),
        (["table", "cosine(1, 0, 9)", "-o", "nowhere/x.npy"], "There is no directory nowhere"),
        (["table", "cosine(1, 0, 9)", "-o", "x.npy", "--dtype", "int"], "Invalid value for '--dtype'"),
        (["table", "constant(1)", "-o", "x.npy"], "The plan has no horizon, and its schedules do not end."),
        (["plot", "cosine(1, 0, 9)", "-o", "x.bmp"], "what can be written ends in .png, .svg or .pdf."),
        (["plot", "cosine(1, 0, 9)", "-o", "x.png", "-l", "a", "-l", "b"], "There are 1 plans and 2 labels."),
        (["code", "cosine(1, 0, 9)", "--for", "fortran"], "--for: expected one of torch, keras, optax, numpy, lrcore, got fortran."),
        (["show", "--" + "x" * 5000], "No such option: --xxx"),
        (["explain", "cosine(1, 0, 9)", "5", "--field", "eps"], "The plan does not schedule eps"),
        (["list", "CosineAnnealingLR"], "There is no recipe CosineAnnealingLR. Elsewhere that is a name for something like cosine"),
        (["list", "warmup_cosin"], "There is no recipe warmup_cosin. Did you mean warmup_cosine?"),
        (["find", "--optimizer", "lion"], "solver: expected one of sgd, momentum, adam, adamw, got 'lion'."),
        (["find", "--start", "1", "--stop", "0.1"], "stop: expected a number above start, 1.0, got 0.1."),
        (["find", "--data", "nowhere"], "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_line_is_a_sentence(arguments, sentence, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sentence in refused(main(arguments), capfd.readouterr())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_standard_input_is_a_sentence():
    got = lrcore("show", "-")
    assert (got.returncode, got.stdout) == (2, "")
    assert got.stderr == "lrcore: standard input: It is empty. Give JSON, YAML or an expression.\n"


def test_what_is_not_text_on_standard_input_is_a_sentence(tmp_path):
    got = lrcore("show", "-", stdin="\0\0")
    assert got.returncode == 2 and got.stderr.startswith("lrcore: standard input: It holds no text.")


@pytest.mark.parametrize(("closed", "code"), [("<&-", 2), (">&-", 0), ("2>&-", 0)])
def test_a_stream_that_is_closed_is_no_reason_for_a_traceback(closed, code):
    line = f'"$0" -m lrcore convert {"-" if code else "0.1"} {closed}'
    got = subprocess.run(["bash", "-c", line, sys.executable], capture_output=True, text=True, env=environment(), check=False)
    assert got.returncode == code and "Traceback" not in got.stderr
