#!/usr/bin/env bash
# The studies of docs/studies/fine-tuning.md, from the built command alone:
#   Scripts/fine-tuning-study.sh sts|captions [seed ...]      (seeds 1 2 3 where none is given)
# Needs the data of ../shared/data (or KUKLA_DATA) and the MiniLM that `make model` fetches. Results go to docs/studies/.
set -euo pipefail
cd "$(dirname "$0")/.."
study=${1:?sts or captions}
shift
[ $# -gt 0 ] || set -- 1 2 3
data=${KUKLA_DATA:-../shared/data}
kukla=${KUKLA:-.build/release/kukla}
work=${KUKLA_STUDY:-/tmp/kukla-study}
results=docs/studies/fine-tuning
mkdir -p "$work" "$results"

case $study in
sts)
    sts=$data/stsbenchmark
    [ -f "$results/sts-frozen.json" ] || $kukla eval sts "$sts/sts-test.csv" --json > "$results/sts-frozen.json"
    for seed; do
        # Rate, epochs, decay and which weights are kept were chosen on the dev split; the test split is looked at once, here.
        $kukla train cosine --recipe docs/studies/sts.yaml --pairs "$sts/sts-train.csv" --eval "$sts/sts-dev.csv" \
            --seed "$seed" -o "$work/sts-$seed" --fresh --json > "$results/sts-$seed.json"
        $kukla eval sts "$sts/sts-test.csv" --model "$work/sts-$seed" --json > "$results/sts-$seed-test.json"
    done
    ;;
captions)
    captions=$data/multi30k_captions
    # Two pairs a training picture; for the validation pictures every ordered pair of different captions, so that each caption
    # looks for its four siblings among all others.
    for pair in "1 2" "3 4"; do
        read -r a b <<< "$pair"
        paste <(zcat "$captions/train.$a.en.gz") <(zcat "$captions/train.$b.en.gz")
    done | awk -F '\t' '$1 != "" && $2 != "" && $1 != $2' > "$work/captions-train.tsv"
    for a in 1 2 3 4 5; do
        for b in 1 2 3 4 5; do
            [ "$a" = "$b" ] || paste <(zcat "$captions/val.$a.en.gz") <(zcat "$captions/val.$b.en.gz")
        done
    done | awk -F '\t' '$1 != "" && $2 != "" && $1 != $2' > "$work/captions-val.tsv"
    [ -f "$results/captions-frozen.json" ] ||
        $kukla eval pairs "$work/captions-val.tsv" --json > "$results/captions-frozen.json"
    for seed; do
        $kukla train contrastive --recipe docs/studies/captions.yaml --pairs "$work/captions-train.tsv" \
            --seed "$seed" -o "$work/captions-$seed" --fresh --json > "$results/captions-$seed.json"
        $kukla eval pairs "$work/captions-val.tsv" --model "$work/captions-$seed" --json \
            > "$results/captions-$seed-val.json"
    done
    ;;
*)
    echo "expected sts or captions" >&2
    exit 64
    ;;
esac
