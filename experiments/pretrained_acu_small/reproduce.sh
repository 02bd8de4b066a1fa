#!/usr/bin/env bash
# Repeats this experiment and compares every number; exit code 1 when one is not reproduced.
# Made with numpy 2.4.6, processor AMD EPYC, python 3.11.7, torch 2.14.1+cu130 on x86_64 AVX512, commit a301d1e
#   by: mu run experiment=pretrained_acu scale=small methods=acu,acu_column
# Data: cifar10: e4159adda8aa731f6daf2f246f780dc5
# Tolerance: the same bits on the same kind of device with the same versions (--elsewhere: another
# processor of that kind); otherwise the score's margin or what two runs differ in, see
# "mu reproduce". Costs in seconds depend on the machine and are not judged.
# --fresh takes nothing from the store; other words go to "mu reproduce", too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
mu reproduce experiments/pretrained_acu_small --out results/pretrained_acu_small "$@"
