"""The same package with randomly revealed labels: what its predictions are worth without its choice of labels."""

from __future__ import annotations

from backend.evaluators.code_run.data import Pairs
from backend.evaluators.code_run.labelling import RANDOM, Revealed
from backend.evaluators.code_run.output import Output
from backend.evaluators.code_run.process import Confinement
from backend.evaluators.code_run.train_predict import Predicted, train_and_predict
from backend.failures import JobFailed
from leaderboard.benchmarks.challenge import CodeRules
from leaderboard.results.log_parts import say


def predict_at_random(
    rules: CodeRules, pairs: Pairs, revealed: Revealed, predicted: Predicted, confinement: Confinement, output: Output
) -> Predicted:
    """What the package predicts with as many labels, revealed at random, in new processes.

    Nothing runs again where `revealed`, with which it has `predicted`, were random or none.

    Raises JobFailed, OutOfTime.
    """
    if not revealed.indexes or revealed.policy == RANDOM:
        return predicted
    chosen = Revealed(revealed.at_random, RANDOM, "", revealed.at_random)
    try:
        again = train_and_predict(rules, pairs, chosen, confinement, output)
    except JobFailed as error:
        raise JobFailed(error.code, f"In the second run, with randomly revealed labels: {error}", error.fault) from None
    say("The package ran a second time with randomly revealed labels; its scores there are shown beside.")
    return again
