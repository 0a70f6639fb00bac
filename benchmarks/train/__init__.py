"""Real training under every schedule: what a schedule costs a step, and whether the rates that were used are those of the plan.

    python -m benchmarks.train --device cuda|cpu --backend torch|keras-torch|keras-jax|keras-tensorflow|jax|numpy|all

plans.py          the curves that every run follows, and how groups share them
digits.py         the small network and its data; text.py: the GPT and its data. Every backend starts from the same weights
measure.py        how: a whole run whose every rate is compared with the plan, then interleaved repeats of the same run, timed
rows.py           what comes out of it: a row for every backend, model, kind of step and schedule
*_train.py        one file per backend: `rows(device, short)` yields its rows as they are measured
__main__.py       the command; each backend has a process of its own
report.py         the rows as markdown, and as one page of pictures
"""
