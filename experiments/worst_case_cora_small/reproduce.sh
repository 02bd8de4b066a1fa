#!/usr/bin/env bash
# Repeats this experiment and compares every number; exit code 1 when one is not reproduced.
# Made with numpy 2.4.6, python 3.11.7, torch 2.14.1+cu130 on x86_64 AVX512, commit 6e9b6bb
#   by: mu run experiment=worst_case_cora scale=small
# Data: cora_ml_links: 3a2879fe45a890570d17ea92c77f56ac
# Tolerance: the same bits on the same kind of device with the same versions (--elsewhere: another
# processor of that kind); otherwise the score's margin or what two runs differ in, see
# "mu reproduce". Costs in seconds depend on the machine and are not judged.
# --fresh takes nothing from the store; other words go to "mu reproduce", too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
mu reproduce experiments/worst_case_cora_small --out results/worst_case_cora_small "$@"
