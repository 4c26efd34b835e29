"""The `lm_eval` command with `hf-shared` known: `python -m backend.evaluators.shared_prefix --model hf-shared ...`."""

from lm_eval.__main__ import cli_evaluate

from backend.evaluators.shared_prefix import model

if __name__ == "__main__":
    assert model.SharedPrefixLM is not None
    cli_evaluate()
