"""Your submission. It is valid as it is: begin here."""


class Estimator:
    def setup(self, context):
        """Called once in each process. `context["train_dir"]` has networks with their answers."""

    def predict(self, item):
        """How likely `source` and `target` are connected. `edges` are [node, node, chance that it works]."""
        return 0.5
