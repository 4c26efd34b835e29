"""Runs submitted code: unpacked, confined, called, scored. Our own process, which no submitted code runs in."""

from __future__ import annotations

from backend.evaluators.code_run.evaluation import evaluate

__all__ = ["evaluate"]
