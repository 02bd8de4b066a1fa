#!/usr/bin/env bash
# Repeats this experiment and compares every number; exit code 1 when one is not reproduced.
# Made with numpy 2.4.6, processor AMD EPYC, python 3.11.7, torch 2.14.1+cu130 on x86_64 AVX2, commit cc28621
#   by: mu run experiment=pretrained_worst_case scale=small
# Data: cifar10_5k: 91df211ec780f88feb1291415b28dfb2
# Tolerance: the same bits on the same kind of device with the same versions (--elsewhere: another
# processor of that kind); otherwise the score's margin or what two runs differ in, see
# "mu reproduce". Costs in seconds depend on the machine and are not judged.
# --fresh takes nothing from the store; other words go to "mu reproduce", too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
mu reproduce experiments/pretrained_worst_case_small --out results/pretrained_worst_case_small "$@"
