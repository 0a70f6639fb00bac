"""The same small model trained under several schedules: what `lrcore compare` and the studio's experiment page run.

data.py         the images: scikit-learn's digits, MNIST's files; formats.py reads these
setup.py        Setup: data, model, solver, epochs
contenders.py   the schedules: the tutorials' by name, any other as an expression
model.py        first weights, the order of the images, scores: alike in all frameworks
on_torch.py     a model in training in PyTorch; on_keras.py: in Keras
running.py      run(): epoch by epoch
results.py      Results: what came out, as rows, CSV, JSON and Markdown
picture.py      the curves

>>> from lrcore.experiment import Results, Setup, contenders, run
>>> setup = Setup(epochs=2, seeds=2)
>>> plans = contenders(["step", "mine=cosine(0.01, 0.0, 90)"], setup)
>>> results = Results(setup, plans)
>>> for epoch in run(setup, plans):         # close the generator to stop
...     results.add(epoch)
>>> [(row.name, row.seeds, row.diverged) for row in results.summary()]
[('step', 2, 0), ('mine', 2, 0)]
>>> results.summary()[1].accuracy.mean > 0.8
True
"""

from .contenders import ARTICLE, NAMED, PLATFORM, contenders
from .data import Data, Split, load
from .results import Results, Row, Spread
from .running import Epoch, run
from .setup import BACKENDS, SOLVERS, Setup

__all__ = [
    "ARTICLE",
    "BACKENDS",
    "Data",
    "Epoch",
    "NAMED",
    "PLATFORM",
    "Results",
    "Row",
    "SOLVERS",
    "Setup",
    "Split",
    "Spread",
    "contenders",
    "load",
    "run",
]
