"""Set before any import of a client library: huggingface_hub reads its switches once, when it is imported."""

import atexit
import os
import shutil
import tempfile

os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"  # several tests at a time share the processor
# Keys and tokens of the boards in tests: never those of whoever runs them.
os.environ["PODIUM_SECRETS_DIR"] = tempfile.mkdtemp(prefix="podium-secrets-")
atexit.register(shutil.rmtree, os.environ["PODIUM_SECRETS_DIR"], ignore_errors=True)
