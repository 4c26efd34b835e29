#!/usr/bin/env bash
# Install the system packages that some tests, and the demo on Slurm, need, where this user may. Without them those
# tests skip and say so.
set -euo pipefail
PATH=$PATH:/usr/sbin
# Chromium without windows takes a third of the processor time for a page; where there is none, the whole one does.
shell=chromium-headless-shell
declare -A wanted=([$shell]=$shell [bwrap]=bubblewrap [git]=git [slurmctld]=slurmctld [slurmd]=slurmd [sbatch]=slurm-client [munged]=munge)
missing=()
for command in "${!wanted[@]}"; do
    command -v "$command" >/dev/null || missing+=("${wanted[$command]}")
done
fc-list 2>/dev/null | grep -qi 'noto color emoji' || missing+=(fonts-noto-color-emoji)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq || true # what was fetched before may do
    apt-cache show $shell >/dev/null 2>&1 || missing=("${missing[@]/$shell/chromium}")
    echo "Installing system packages for the tests: ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null && exit 0
fi
echo "Not installed: ${missing[*]}. The tests that need them will skip."
command -v chromium >/dev/null && echo "Tests in a browser use the Chromium that is installed." || true
