"""Mistakes a plan can be seen to have before the run: what `plan.check(...)` finds.

finding.py      a finding, and the list of codes
run.py          what is known of the run, and the columns of the plan over it
groups.py       names, patterns, fields of the optimizer, rules
lengths.py      the plan's length against the run's: horizons, warmups, phases, cycles, epochs
values.py       single values: signs, bounds, jumps, repeats, peaks, floors
check.py        all of them
"""
