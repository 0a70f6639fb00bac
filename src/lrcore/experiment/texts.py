"""Results as CSV, JSON and Markdown, and the cells of their table."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import msgspec

from .contenders import told
from .running import Epoch

if TYPE_CHECKING:
    from .results import Results

COLUMNS = ("schedule", "accuracy %", "best %", "train loss", "test loss", "epochs to 95 %", "seconds")


def cells(results: Results) -> list[tuple[str, ...]]:
    """The table as words, one row for each schedule under COLUMNS; runs that diverged are told in place of numbers, or beside them."""
    rows: list[tuple[str, ...]] = []
    for row in results.summary():
        told = f"diverged in {row.diverged} of {row.seeds}" if row.diverged else ""
        accuracy = row.accuracy.text(1, 100)
        rows.append(
            (
                row.name,
                (told if row.diverged == row.seeds else f"{accuracy}, {told}") if told else accuracy,
                row.best_accuracy.text(1, 100),
                row.train_loss.text(),
                row.test_loss.text(),
                row.epochs_to_goal.text(0),
                row.seconds.text(1),
            )
        )
    return rows


def about(results: Results) -> str:
    """What was run, in a sentence."""
    setup, data = results.setup, results.setup.images().name
    split = setup.split()
    solver = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam", "adamw": "AdamW"}[setup.solver]
    epochs = "one epoch" if setup.epochs == 1 else f"{setup.epochs} epochs"
    seeds = "one seed" if setup.seeds == 1 else f"{setup.seeds} seeds"
    return (
        f"{data}: {len(split.train_labels):,} images to train on and {len(split.test_labels):,} to test on, {setup.hidden} hidden units, "
        f"{solver}, batches of {setup.batch}, {epochs}, {seeds}, {setup.backend}."
    )


def spread_told(results: Results) -> str:
    """What a number of the table is."""
    told = "Mean ± standard deviation over the seeds." if results.setup.seeds > 1 else "One seed, so the spread is unknown."
    best = results.best()
    highest = f" The highest mean accuracy is that of {best}." if best and len(results.plans) > 1 else ""
    return f"{told} Accuracy and losses after the last epoch, best accuracy of all epochs, seconds of training.{highest}"


def told_all(results: Results) -> dict[str, str]:
    """What each schedule is."""
    return {name: told(plan, results.setup) for name, plan in results.plans.items()}


def csv_of(epochs: list[Epoch]) -> str:
    """A line of names, and one for each epoch."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Epoch.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(epoch) for epoch in epochs)
    return text.getvalue()


def json_of(results: Results) -> str:
    """One object with everything."""
    document = {
        "setup": results.setup,
        "partial": results.partial,
        "plans": {name: msgspec.Raw(plan.to_json().encode()) for name, plan in results.plans.items()},
        "summary": results.summary(),
        "epochs": results.epochs,
    }
    return msgspec.json.encode(document).decode()


def markdown_of(results: Results) -> str:
    """The sentence, the table, and what the schedules are."""
    best = results.best()
    lines = [about(results), ""]
    if results.partial:
        lines += ["Stopped before the end: the means are over the runs that were complete.", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "| --- |" + " --: |" * (len(COLUMNS) - 1)]
    for name, *others in cells(results):
        shown = _cell(name)
        lines.append("| " + " | ".join([f"**{shown}**" if name == best else shown, *others]) + " |")
    lines += ["", spread_told(results), ""]
    lines += [f"- {_cell(name)}: {words}" for name, words in told_all(results).items()]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
