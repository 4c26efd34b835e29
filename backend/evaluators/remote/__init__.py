"""A harness model whose weights are in other processes: one for each device, or in another environment.

`model.py` is what the harness sees, `process.py` starts and asks the processes, `serve.py` is what they run. They are
light to import: `serve.py` also runs where only vLLM and lm-eval are installed.
"""
