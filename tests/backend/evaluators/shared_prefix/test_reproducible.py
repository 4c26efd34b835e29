"""A scorer that draws random numbers scores a text the same every time."""

import random
from typing import Any

from lm_eval.api.task import ConfigurableTask

from backend.evaluators.shared_prefix.reproducible import SEEDING, seeded_scorers


class Drawing(ConfigurableTask):
    """A task whose scorer draws a letter, as IFEval's does."""

    def __init__(self) -> None:
        self._config = type("Config", (), {"process_results": staticmethod(self.draw)})()

    @staticmethod
    def draw(doc: dict[str, Any], results: Any) -> dict[str, Any]:
        return {"letter": random.random()}


def test_an_example_is_scored_the_same_every_time() -> None:
    task = Drawing()
    with seeded_scorers() as told:
        first = [task.process_results({"key": key}, []) for key in range(4)]
        random.seed(9)
        again = [task.process_results({"key": key}, []) for key in reversed(range(4))]
    assert told == SEEDING
    assert first == again[::-1]
    assert len({each["letter"] for each in first}) == 4


def test_the_state_outside_is_left_alone_and_the_stock_scorer_comes_back() -> None:
    stock = ConfigurableTask.process_results
    random.seed(5)
    expected = [random.random() for _ in range(2)]
    random.seed(5)
    with seeded_scorers():
        first = random.random()
        Drawing().process_results({"key": 1}, [])
        second = random.random()
    assert [first, second] == expected
    assert ConfigurableTask.process_results is stock
