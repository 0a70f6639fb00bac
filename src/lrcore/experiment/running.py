"""The runs of an experiment, one epoch after the other: every schedule with every seed, all else alike."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from math import isfinite
from time import perf_counter

import msgspec

from ..errors import SpecError
from ..plan import Plan
from .contenders import GROUP
from .data import Split
from .model import Learner, Weights, first_weights, order_of, score
from .setup import Backend, Setup


class Epoch(msgspec.Struct, frozen=True):
    """How a model stands after an epoch.

    name, seed : the schedule, and the seed from 0
    epoch : how many there were, from 1
    rate : what the optimizer had at the last update of the epoch; on TensorFlow and JAX, what it says it had
    train_loss, test_loss : mean cross-entropy over all images of the part, after the epoch; NaN when the run has diverged
    accuracy : right answers on the test part, a fraction; NaN when the run has diverged
    seconds : what the training took, without the testing
    """

    name: str
    seed: int
    epoch: int
    rate: float
    train_loss: float
    test_loss: float
    accuracy: float
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether the model answers with NaN or infinities. It is the last epoch of its run then."""
        return not (isfinite(self.train_loss) and isfinite(self.test_loss))


def run(setup: Setup, plans: Mapping[str, Plan]) -> Generator[Epoch, None, None]:
    """Train under every plan, and give the state of things after every epoch.

    plans : {name: plan in updates}, as `contenders` makes them
    With each seed all plans start from the same weights and see the same batches. Seed 0 goes through all plans first, then seed 1. A run
    that diverges ends there. Close the generator to stop: it keeps nothing, and no random state of NumPy, Python or a framework is touched.

    Raises, before anything is trained: SpecError for data that cannot be read or split, PlanError for a plan that does not fit the
    solver, ImportError with the command to install what is missing.

    >>> from lrcore.experiment import Setup, contenders, run
    >>> setup = Setup(epochs=2, seeds=1)
    >>> [(done.name, done.epoch, done.rate) for done in run(setup, contenders(["step", "cosine"], setup))]
    [('step', 1, 0.1), ('step', 2, 0.05), ('cosine', 1, 0.1), ('cosine', 2, 0.0505)]
    """
    for name, plan in plans.items():
        if not isinstance(plan, Plan):
            raise SpecError(f"plans[{name!r}]", "a Plan; contenders() makes one of a name, an expression or a Schedule", plan)
        plan.bind([GROUP])
    split, make = setup.split(), learner_of(setup.backend)
    sizes = split.train_images.shape[1], setup.hidden, setup.images().classes
    for plan in plans.values():
        make(setup, plan, split, first_weights(*sizes, seed=0))  # refuses what the optimizer does not have
    return _epochs(setup, dict(plans), split, sizes, make)


Make = Callable[[Setup, Plan, Split, Weights], Learner]


def learner_of(backend: Backend) -> Make:
    """What makes a model in training, in PyTorch or Keras; ImportError says what to install."""
    if backend == "keras":
        from .on_keras import KerasLearner

        return KerasLearner
    from .on_torch import TorchLearner

    return TorchLearner


def _epochs(setup: Setup, plans: dict[str, Plan], split: Split, sizes: tuple[int, int, int], make: Make) -> Generator[Epoch, None, None]:
    images = len(split.train_labels)
    for seed in range(setup.seeds):
        weights = first_weights(*sizes, seed=seed)
        for name, plan in plans.items():
            learner = make(setup, plan, split, weights)
            for epoch in range(1, setup.epochs + 1):
                order = order_of(images, seed, epoch)
                began = perf_counter()
                rate = learner.train(order)
                seconds = perf_counter() - began
                seen, unseen = learner.answers()
                train_loss, _ = score(seen, split.train_labels)
                test_loss, accuracy = score(unseen, split.test_labels)
                done = Epoch(name, seed, epoch, rate, train_loss, test_loss, accuracy, seconds)
                yield done
                if done.diverged:
                    break
                learner.observe(test_loss)
