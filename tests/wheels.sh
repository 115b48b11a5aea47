#!/usr/bin/env bash
# Builds a wheel of the core, of every plugin and of both third-party examples, installs them into a fresh environment,
# and uses them away from the checkout. `make wheels` runs it; it needs some minutes and a package index.
#
#   KEEP=1       keep the environment, build/wheels-env, and use it again
#   TORCH_INDEX  another index for torch
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
WHEELS=$ROOT/build/wheels
ENV=$ROOT/build/wheels-env
BUILD=${BUILD_PYTHON:-$ROOT/.venv/bin/python}

say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

say "building"
rm -rf "$WHEELS"
for folder in . plugins/dressage-* examples/third-party-*; do
  "$BUILD" -m build --wheel --no-isolation --outdir "$WHEELS" "$folder" >/dev/null || fail "$folder does not build"
done
ls -1 "$WHEELS"
[ "$(find "$WHEELS" -name '*.whl' | wc -l)" -eq 12 ] || fail "there should be 12 wheels"

say "installing into a fresh environment"
[ -n "${KEEP:-}" ] || rm -rf "$ENV"
[ -d "$ENV" ] || "$BUILD" -m venv "$ENV"
PIP=("$ENV/bin/pip" --quiet install -c "$ROOT/constraints.txt")
"${PIP[@]}" --upgrade pip
[ -z "${TORCH_INDEX:-}" ] || "${PIP[@]}" --extra-index-url "$TORCH_INDEX" torch
"${PIP[@]}" --find-links "$WHEELS" "$WHEELS"/dressage-[0-9]*.whl "$WHEELS"/dressage_*.whl 'dressage-toxicity[profanity]'

PLACE=$(mktemp -d)
trap 'rm -rf "$PLACE"' EXIT
cd "$PLACE"
export DRESSAGE_CACHE=$PLACE/cache HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1
unset PYTHONPATH
DRESSAGE=$ENV/bin/dressage

say "nothing comes from the checkout"
"$ENV/bin/python" - "$ROOT" "$ENV" <<'PYTHON'
import sys
from importlib import import_module, metadata

root, env = sys.argv[1:]
for point in metadata.entry_points(group="dressage"):
    place = import_module(point.value).__file__
    assert place.startswith(env), f"{point.value} comes from {place}"
print(len(metadata.entry_points(group="dressage")), "plugins, all from the environment")
PYTHON

say "plugins are listed"
"$DRESSAGE" plugins > plugins.txt
for name in dressage-starter dressage-filters dressage-sft dressage-reward-model dressage-rules dressage-toxicity \
            dressage-bias dressage-ppo dressage-evals dressage-a2c dressage-shouting; do
  grep -q "$name 0.1.0" plugins.txt || fail "$name is not listed"
done

say "running: profanity and ppo"
"$ENV/bin/python" -c "
from pathlib import Path
from dressage.testing import tiny_model
tiny_model(Path('model'))"
for n in 1 2 3 4 5 6 7 8; do
  echo "{\"text\": \"The dog number $n said that\"}" >> prompts.jsonl
  echo "{\"text\": \"A cat number $n wrote that\"}" >> held.jsonl
done
cat > first.yaml <<'YAML'
requires: [dressage-a2c>=0.1, dressage-shouting>=0.1]
model: {base: model, device: cpu, adapter: {r: 4, layers: 2}}
data: {prompts: prompts.jsonl}
stages:
  - use: ppo
    iterations: 2
    rollout: {prompts: 8, max_new_tokens: 8}
    rewards: [{use: profanity, weight: 1.0}]
evaluate: {sets: {held: held.jsonl}, measures: [length]}
YAML
sed 's/use: profanity/use: shouting/' first.yaml > reward.yaml
sed 's/use: ppo/use: a2c/' first.yaml > optimizer.yaml
for name in first reward optimizer; do
  [ "$name" = first ] || [ "$(diff first.yaml $name.yaml | grep -c '^>')" -eq 1 ] || fail "$name.yaml differs by more than a word"
  "$DRESSAGE" run $name.yaml --run-dir out-$name >$name.log 2>&1 || { cat $name.log; fail "$name.yaml does not run"; }
  [ -s out-$name/report.html ] || fail "$name.yaml leaves no report"
done
grep -q "shouting (min" reward.log || fail "the reward was not swapped"
grep -q "a2c 2/2" optimizer.log || fail "the optimizer was not swapped"

say "removing the two"
"$ENV/bin/pip" --quiet uninstall --yes dressage-a2c dressage-shouting
for name in reward optimizer; do
  code=0
  "$DRESSAGE" run $name.yaml --run-dir gone-$name >gone.log 2>&1 || code=$?
  [ "$code" -eq 3 ] || { cat gone.log; fail "exit code $code instead of 3"; }
  grep -q "pip install 'dressage-shouting>=0.1'" gone.log || { cat gone.log; fail "no install line"; }
  grep -q "pip install 'dressage-a2c>=0.1'" gone.log || { cat gone.log; fail "no install line"; }
  grep -q Traceback gone.log && fail "a traceback"
done
sed -n '/error/p' gone.log

say "removing one of ours"
"$ENV/bin/pip" --quiet uninstall --yes dressage-toxicity
sed -i.bak '/^requires/d' first.yaml
code=0
"$DRESSAGE" check first.yaml >gone.log 2>&1 || code=$?
[ "$code" -eq 3 ] || { cat gone.log; fail "exit code $code instead of 3"; }
grep -q "pip install dressage-toxicity" gone.log || { cat gone.log; fail "no install line"; }
cat gone.log

[ -n "${KEEP:-}" ] || rm -rf "$ENV"
say "all is well"
