"""The length of the plan, of its phases and of its cycles against the length of the run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from ..cycles import cycle_starts
from ..errors import SpecError
from ..introspect import answers, last_answered, name_of
from ..plan import Plan
from ..reach import extrema
from ..schedule import Arithmetic, Constant, Every, PastEnd, Per, Ramp, Repeat, Schedule, Until
from .finding import Finding, Found, Severity
from .run import MEMORIES, WORK, Column, Run


def of_horizon(plan: Plan, columns: list[Column], run: Run) -> Found:
    """The updates the plan, or the longest of its rates, is for against those the run makes."""
    if run.updates is None or not columns:
        return
    planned, where = plan.updates if plan.unit != "seconds" else plan.horizon, "horizon"
    if planned in (None, run.updates):
        rates = [column for column in columns if column.field == "lr"] or columns
        ends = [(ended, column.place) for column in rates if (ended := _end(column)) and not _only_rises(column, ended)]
        planned, where = max(ends, default=(run.updates, where))
    missing = run.updates - (planned or run.updates)
    if missing == 0:
        return
    severity: Severity = "note" if abs(missing) <= run.updates // 1000 else "warning"
    unit = "seconds" if plan.unit == "seconds" else "updates"
    lengths = f"The plan is for {planned:,} {unit}, and the run makes {run.updates:,} ({run.told or 'by its horizon'})"
    column = next((column for column in columns if column.place == where), columns[0])
    end = column.schedule(column.last)
    if missing > 0:
        refused = not answers(column.schedule, run.updates - 1)
        if refused or (end == 0 and severity == "warning"):
            severity = "error"
        outcome = f"the last {missing:,} {unit} {'are refused' if refused else f'have {column.field} {end:.6g}'}"
    else:
        outcome = f"{column.field} ends at {end:.6g} and not at {column.schedule(min(planned or 0, last_answered(column.schedule))):.6g}"
    yield Finding("horizon-mismatch", severity, where, f"{lengths}: {outcome}.", f"Plan for {run.updates:,} {unit}.")


def _end(column: Column) -> int | None:
    """Where a column comes to its end, also one that says that it is 0 from there on."""
    span = column.schedule.span
    if isinstance(span, int):
        return span
    last, _, first, _ = column.parts[-1]
    return first if isinstance(last, Constant) and last.value == 0 else None


def _only_rises(column: Column, end: int) -> bool:
    """Whether a column is a warmup, whose last value is meant to be held."""
    end = min(end, last_answered(column.schedule))
    try:
        return column.schedule(end) >= extrema(column.schedule, 0, end, WORK).greatest.value
    except SpecError:
        return False


def of_warmup(column: Column, run: Run) -> Found:
    """A first phase that rises until the run is over."""
    ramp, _, _, end = column.parts[0]
    if run.updates is None or end is None or not isinstance(ramp, Ramp) or not ramp.start < ramp.stop or column.field in MEMORIES:
        return
    if end >= run.updates and (len(column.parts) > 1 or (end > run.updates and run.told)):
        top = column.schedule(column.last)
        sentence = f"The warmup lasts {end:,} updates and the run {run.updates:,}: it comes to {top:.6g}, and its top is never reached."
        mend = "Shorten it, or write it as a fraction of the horizon."
        yield Finding("warmup-too-long", "error", column.place, sentence, mend)


def of_unreached(column: Column, run: Run) -> Found:
    """Phases that begin when the run is over; a value that is only held from the end on is none."""
    if run.updates is None:
        return
    late = [part for part in column.parts if part[2] >= max(run.updates, 1) and part[3] != part[2]]
    late = [part for part in late if part[2] > run.updates or not isinstance(part[0], Constant)]
    if late:
        names = ", ".join(f"{name_of(phase)} from update {first:,}" for phase, _, first, _ in late[:4]) + ", ..." * (len(late) > 4)
        sentence = f"The run ends before {len(late):,} of its {len(column.parts):,} phases: {names}."
        yield Finding("phase-unreached", "warning", column.place, sentence, "Shorten the phases before, or leave these out.")


def of_returns(column: Column, run: Run) -> Found:
    """What goes back and forth, or begins again, beyond the end the run has in mind."""
    node = _core(column.schedule)
    if run.updates is None:
        return
    if isinstance(node, PastEnd) and node.mode == "mirror":
        length = node.inner.own_length("inner")
        start, stop = column.schedule(0), column.schedule(length)
        if run.updates > length + 1 and stop < start:
            times = (run.updates + length - 1) // (2 * length)
            often = f", {times:,} times" if times > 1 else ""
            sentence = (
                f"It comes down to {stop:.6g} at update {length:,} and rises again{often}, and the run makes {run.updates:,} updates."
            )
            mend = f"Let it last {run.updates:,} updates, or cut it with .until({length})."
            yield Finding("rises-after-end", "warning", column.place, sentence, mend)
    if isinstance(node, Repeat) and run.told:
        cycle = _cycle(node, run.updates)
        if cycle is not None:
            value = column.schedule(column.last)
            sentence = f"The run ends at update {run.updates:,}, in a cycle from {cycle[0]:,} to {cycle[1]:,}, at {value:.6g}."
            yield Finding("cycle-cut", "note", column.place, sentence, "Choose cycles that end with the run.")


def _core(schedule: Schedule) -> Schedule:
    """What is scaled, clipped or lifted by constants."""
    while isinstance(schedule, Arithmetic):
        varying = [term for term in schedule.terms if not isinstance(term, Constant)]
        if len(varying) != 1:
            break
        schedule = varying[0]
    return schedule


def _cycle(repeat: Repeat, step: int) -> tuple[int, int] | None:
    """The cycle that a step cuts in two."""
    length = repeat.inner.own_length("inner")
    starts = cycle_starts(length, repeat.growth, repeat.times)
    if starts is None:
        i, rest = divmod(step, length)
        return (i * length, (i + 1) * length) if rest and (repeat.times is None or i < repeat.times) else None
    i = bisect_left(starts, step)
    return (starts[i - 1], starts[i]) if i < len(starts) and starts[i] != step else None


def of_epochs(column: Column, run: Run, unit: str) -> Found:
    """A length on one clock that is a number of the other."""
    if run.epochs is None or run.updates is None or not 1 < run.epochs < run.updates or unit not in ("updates", "epochs"):
        return
    in_epochs = unit == "epochs"
    mixed, meant, other = (run.updates, run.epochs, "updates") if in_epochs else (run.epochs, run.updates, "epochs")
    for path, length in _lengths(column.written, ""):
        if length == mixed:
            sentence = f"A length of {length:,} {unit} is the number of {other} of the run, which has {meant:,} {unit}."
            per = run.updates / run.epochs
            mend = (
                f"Divide it by the {per:,.6g} updates of an epoch." if in_epochs else f"Multiply it by the {per:,.6g} updates of an epoch."
            )
            place = f"{column.place}.{path}" if path else column.place
            yield Finding("epoch-step-mixup", "error" if column.written.span == length else "warning", place, sentence, mend)
            return


def _lengths(schedule: Schedule, path: str) -> Iterator[tuple[str, int]]:
    """Every length written in a schedule, on the clock of its steps."""
    if isinstance(schedule, Per | Every):
        return
    if isinstance(schedule, Ramp | Constant | Until) and isinstance(schedule.span, int):
        yield f"{path}.steps" if path else "steps", schedule.span
    if isinstance(schedule, Repeat | PastEnd):
        yield path, schedule.inner.own_length("inner")
    for where, inner in children(schedule):
        yield from _lengths(inner, f"{path}.{where}" if path else where)


def children(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    """The schedules inside a schedule, with where they stand."""
    for field in schedule.__struct_fields__:
        value = getattr(schedule, field)
        if isinstance(value, Schedule):
            yield field, value
        elif isinstance(value, tuple) and value and isinstance(value[0], Schedule):
            yield from ((f"{field}[{i}]", term) for i, term in enumerate(value))


def walk(schedule: Schedule, path: str = "") -> Iterator[tuple[str, Schedule]]:
    """A schedule and all inside it, with where they stand."""
    yield path, schedule
    for where, inner in children(schedule):
        yield from walk(inner, f"{path}.{where}" if path else where)
