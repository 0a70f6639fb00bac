"""Every promise of speed, measured. `make bench` measures all of it; `python -m benchmarks --only cosine` a part.

cases.py         what is measured: one row per case, with its promise
tasks.py         what each kind of case does, and how its answers are checked
schedules.py     the schedules they measure; new shapes come in by themselves
peers.py         the same schedules in plain Python, NumPy, optax, torch, timm, Keras and lrsched
torch_steps.py   what a scheduler adds to a training step in torch; compiled_steps.py in Keras and optax
test_speed.py    how: pytest-benchmark times a case, and what it is compared with runs just before each of its rounds
machine.py       where; report.py makes RESULTS.md and README's table of results/*.json, picture.py the picture of what grows
compare.py       what got slower than the run that is stored: `make bench-compare`
instructions.py  what is counted, as a busy machine cannot be timed: `make bench-instructions`
"""
