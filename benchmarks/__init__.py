"""Every promise of speed, measured. `make bench` runs all of it; `pytest benchmarks -k cosine` a part.

    cases.py       what is measured: one row per case, with its promise
    schedules.py   the schedules they measure; new shapes come in by themselves
    peers.py       the same schedules in NumPy, optax, torch and lrsched
    test_speed.py  how: pytest-benchmark times a case, what it is compared with runs just before each round
    machine.py     where; report.py writes RESULTS.md from results/*.json
"""
