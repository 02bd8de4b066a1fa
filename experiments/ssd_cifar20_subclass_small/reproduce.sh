#!/usr/bin/env bash
# Repeats this experiment and compares every number; exit code 1 when one is not reproduced.
# Made with numpy 2.4.6, python 3.11.7, torch 2.14.1+cu130 on x86_64 AVX2, commit ad0f122
#   by: mu run experiment=ssd_cifar20_subclass scale=small
# Data: cifar20_lossy_10k: 65e838bd6893bca681f4638c534f1ca1
# Tolerance: the same bits on the same kind of device with the same versions (--elsewhere: another
# processor of that kind); otherwise the score's margin or what two runs differ in, see
# "mu reproduce". Costs in seconds depend on the machine and are not judged.
# --fresh takes nothing from the store; other words go to "mu reproduce", too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
mu reproduce experiments/ssd_cifar20_subclass_small --out results/ssd_cifar20_subclass_small "$@"
