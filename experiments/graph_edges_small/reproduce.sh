#!/usr/bin/env bash
# Repeats this experiment and compares every number; exit code 1 when one is not reproduced.
# Made with numpy 2.4.6, python 3.11.7, torch 2.14.1+cu130 on x86_64 AVX512, commit 4a8f1aa
#   by: mu run experiment=graph_edges scale=small
# Data: cora_links: 362fd76ea69a434a0ad5eca6b66f955e, dblp_links: c3c03ebb59a6bfdcfaca32bd4258524e
# Tolerance: the same bits on the same kind of device with the same versions (--elsewhere: another
# processor of that kind); otherwise the score's margin or what two runs differ in, see
# "mu reproduce". Costs in seconds depend on the machine and are not judged.
# --fresh takes nothing from the store; other words go to "mu reproduce", too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
mu reproduce experiments/graph_edges_small --out results/graph_edges_small "$@"
