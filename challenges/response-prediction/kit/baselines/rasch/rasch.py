"""Abilities of models and difficulties of items from sparse responses: the Rasch model with a prior.

P(right) = 1 / (1 + exp(-(mean + ability + ease of the item + ease of its category))). The prior keeps a model that
solved all of its three items from an endless ability; a new item begins as an average one of its category.
"""

import csv

import numpy as np

STEPS, RATE = 400, 0.5
PRIOR = {"models": 2.0, "items": 1.5, "categories": 0.5}
"""How many wrong-or-right answers the assumption `average` counts as."""


def read(file):
    """The rows of a CSV file."""
    with open(file, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


class Rasch:
    """Fitted to responses, each a model's name, an item's name and 0 or 1."""

    def __init__(self, responses, category):
        """`category`: item's name -> name of its category."""
        self.category = category
        solved = np.array([response for _, _, response in responses], float)
        share = (solved.sum() + 1) / (len(solved) + 2)
        self.mean = float(np.log(share / (1 - share)))
        names = {
            "models": [model for model, _, _ in responses],
            "items": [item for _, item, _ in responses],
            "categories": [category.get(item, "") for _, item, _ in responses],
        }
        self.effects = self._fit(names, solved)

    def _fit(self, names, solved):
        known = {kind: {name: at for at, name in enumerate(sorted(set(of)))} for kind, of in names.items()}
        places = {kind: np.array([known[kind][name] for name in of]) for kind, of in names.items()}
        values = {kind: np.zeros(len(known[kind])) for kind in names}
        counts = {kind: np.bincount(places[kind], minlength=len(known[kind])) for kind in names}
        for _ in range(STEPS):
            logits = self.mean + sum(values[kind][places[kind]] for kind in names)
            missing = solved - 1 / (1 + np.exp(-logits))
            for kind in names:
                slope = np.bincount(places[kind], missing, len(known[kind])) - PRIOR[kind] * values[kind] / 4
                values[kind] = values[kind] + RATE * slope / (counts[kind] / 4 + PRIOR[kind] / 4)
        return {kind: {name: float(values[kind][at]) for name, at in known[kind].items()} for kind in names}

    def probability(self, model, item):
        """That the model solves the item; unknown names are average ones."""
        parts = (("models", model), ("items", item), ("categories", self.category.get(item, "")))
        return 1 / (1 + np.exp(-(self.mean + sum(self.effects[kind].get(name, 0.0) for kind, name in parts))))

    def abilities(self):
        """Model -> ability, the best first."""
        return dict(sorted(self.effects["models"].items(), key=lambda pair: -pair[1]))
