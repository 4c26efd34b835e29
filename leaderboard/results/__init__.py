"""What evaluations brought: result files, details, logs of jobs, exports."""
