"""Rates that answer to a metric: rules as values, the machines that run them, and the rules of a plan.

rules.py        what a rule is: ReduceLROnPlateau, GreedyLR, NewBob
adaptation.py   a rule that runs, and one that is run over the metrics of a past run
groups.py       the rules of a plan, each with the groups that it drives
"""
