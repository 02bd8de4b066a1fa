#!/usr/bin/env bash
# Repeats this experiment. Made with numpy 2.4.6, python 3.11.7, torch 2.14.1+cu130.
# Scores are the same bits on the same kind of device with the same versions; elsewhere expect them
# within the intervals of table.md. Costs in seconds depend on the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH="$PWD/.venv/bin:$PATH" mu run experiment=quickstart out=results/quickstart
